"""Keep a running sweep on disk, and publish it in MLflow."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.console.signals import uninterrupted
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.files.model import fingerprint, save_model
from pipeline.files.paths import replaced
from pipeline.grid.points import Point
from pipeline.kept.directories import MODEL, KeptSweep, KeptTraining, new_id, write, write_provenance
from pipeline.kept.process import OWNER, owner
from pipeline.kept.provenance import documents, provenance
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.sweeps import resumed


@dataclass
class TrackedSweep:
    """A running sweep."""

    publisher: Publisher
    directory: Path
    kept: KeptSweep
    trained: int = 0  # points

    @property
    def origin(self) -> dict[str, str]:
        """The tags of where it comes from, which all its trainings share."""
        return {name: value for name, value in self.kept.tags.items() if name not in (*OWNER, "sweep_key")}

    @property
    def is_refused(self) -> bool:
        """Whether MLflow refused something of it for good."""
        return any(not taken and place.is_relative_to(self.directory) for place, taken in self.publisher.taken.items())

    def add(self, point: Point, diagnosed: Diagnosed, started: float, ended: float) -> str:
        """Keep and publish a point, and return its model's sha256."""
        directory = self.directory / str(point.number)
        directory.mkdir(exist_ok=True)  # Hydra may have made it
        with replaced(directory / MODEL) as partial:
            save_model(diagnosed, point.settings.of_the_model(), point.dataset, partial)
        sha256 = fingerprint(directory / MODEL)
        own = {"key": point.key, "data_md5": point.dataset.about.data_md5, "model_sha256": sha256}
        tags, kept = self.origin | own, self.kept
        write(KeptTraining(new_id(), started, ended, tags, sweep=kept.id, repeats=kept.repeats), directory)
        self.publisher.publish(directory)
        self.trained += 1
        return sha256

    def publish(self, **changes: object) -> None:
        """Keep and publish changes to the sweep's own run."""
        self.kept = replace(self.kept, **changes)  # type: ignore[arg-type]
        write(self.kept, self.directory)
        self.publisher.publish(self.directory)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the sweep's run open, then mark it FINISHED, FAILED after an error, or KILLED after a signal."""
        self.publish()
        status = "FAILED"
        try:
            yield
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with uninterrupted():
                self.publish(status=status, ended=time.time())


def start(
    publisher: Publisher, directory: Path, name: str, sweep_key: str, grid: Mapping[str, str], repeats: bool
) -> TrackedSweep:
    """Start a sweep, or resume the run of an earlier sweep with the same key, finished or not."""
    origin = provenance()
    tags = {**origin, **owner(), "sweep_key": sweep_key}
    before = None if repeats else publisher.attempt(lambda store: resumed(store, sweep_key))
    kept_id, started = before or (new_id(), time.time())
    directory.mkdir(parents=True, exist_ok=True)
    write_provenance(documents(origin), directory)
    return TrackedSweep(
        publisher, directory, KeptSweep(kept_id, name, started, "RUNNING", tags, dict(grid), repeats=repeats)
    )
