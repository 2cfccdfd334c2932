"""Keep a running sweep on disk, and publish it in MLflow."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.console.signals import uninterrupted
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.files.model import fingerprint, save_model
from pipeline.files.paths import replaced
from pipeline.grid.job import Job
from pipeline.tracking.kept import MODEL, KeptSweep, KeptTraining, new_id, write, write_provenance
from pipeline.tracking.processes import owner
from pipeline.tracking.provenance import documents, provenance
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.sweeps import resumed
from pipeline.training.key import key_of_all


@dataclass
class TrackedSweep:
    """A running sweep."""

    publisher: Publisher
    directory: Path
    origin: Mapping[str, str]  # provenance tags shared by all its trainings
    kept: KeptSweep
    trained: int = 0  # points

    def add(self, job: Job, diagnosed: Diagnosed, started: float, ended: float) -> str:
        """Keep and publish a point, and return its model's sha256."""
        directory = self.directory / str(job.point.number)
        about = job.dataset.about
        with replaced(directory) as partial:
            (partial / MODEL).mkdir()
            save_model(diagnosed, job.point.settings.of_the_model(), job.dataset, partial / MODEL)
            sha256 = fingerprint(partial / MODEL)
            tags = {**self.origin, "key": job.key, "data_md5": about.data_md5, "model_sha256": sha256}
            write(KeptTraining(new_id(), started, ended, tags, sweep=self.kept.id, repeats=self.kept.repeats), partial)
        self.publisher.publish(directory)
        self.trained += 1
        return sha256

    def publish(self, **changes: object) -> bool:
        """Keep and publish changes to the sweep's own run. Returns whether MLflow has them now."""
        self.kept = replace(self.kept, **changes)  # type: ignore[arg-type]
        write(self.kept, self.directory)
        return self.publisher.publish(self.directory)

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
    publisher: Publisher, directory: Path, name: str, keys: Sequence[str], grid: Mapping[str, str], repeats: bool
) -> TrackedSweep:
    """Start a sweep, or resume the run of an earlier sweep over the same points, finished or not."""
    origin = provenance()
    tags = {**origin, **owner(), "sweep_key": key_of_all(keys)}
    before = None if repeats else publisher.attempt(lambda store: resumed(store, tags["sweep_key"]))
    kept_id, started = before or (new_id(), time.time())
    directory.mkdir(parents=True, exist_ok=True)
    write_provenance(documents(origin), directory)
    kept = KeptSweep(kept_id, name, started, "RUNNING", tags, dict(grid), repeats=repeats)
    return TrackedSweep(publisher, directory, origin, kept)
