"""A sweep's run, and the runs of its points, which are its children.

A point is found again by its key (see `pipeline.grid.key`), a sweep by the keys of all its points. So the same command,
started again after an interruption, goes on in the same run, and trains only what is not yet FINISHED.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.console.errors import UserError
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.training import Record
from pipeline.files.dataset import About
from pipeline.files.model import Model, load_model
from pipeline.grid.key import sweep_key
from pipeline.tracking.open_runs import interrupted_by, keeper, kept_open
from pipeline.tracking.provenance import provenance
from pipeline.tracking.store import Store
from pipeline.tracking.trainings import add_documents, add_model, as_metrics, final_accuracy, name_of, tags_of

PARENT = "mlflow.parentRunId"
TABLE = "sweep.csv"


@dataclass(frozen=True)
class Child:
    """A point that was trained, to be logged."""

    key: str
    diagnosed: Diagnosed
    config: Mapping[str, Any]
    about: About
    directory: Path  # the model's
    started: float  # seconds since 1970
    ended: float


@dataclass
class SweepRun:
    """The run of a sweep that goes on."""

    store: Store
    run: str
    name: str
    origin: dict[str, str]  # the tags that say where all of its trainings come from
    retrain: bool  # whether points are trained that are finished

    @property
    def is_told(self) -> bool:
        """Whether the store has all of it, and nothing waits in unsent/."""
        return self.store.lost is None

    def add(self, child: Child) -> str:
        """Log a trained point, all at once; its run's id."""
        tags = tags_of(child.about) | self.origin | {"key": child.key, PARENT: self.run}
        same = [] if self.retrain else [finished_point(child.key)]
        run = self.store.create_run(name_of(child.config), tags, child.started, same)
        training = child.diagnosed.training
        # MLflow's page that compares runs starts with the metric that was logged first.
        rows = [final_accuracy(training), *map(as_metrics, sparse(training.history))]
        self.store.log(run, rows, child.config)
        self.store.log_data(run, child.about)
        add_model(self.store, run, child.diagnosed, child.directory)
        self.store.close(run, ended=child.ended)
        return run

    def add_comparison(self, metrics: dict[str, float], tags: dict[str, str], directory: Path) -> None:
        """Log what the sweep found out."""
        self.store.log(self.run, [(0, metrics)], tags=tags, again=True)
        self.store.log_files(self.run, directory)
        # A text can name runs that get their ids only when it is sent.
        self.store.log_text(self.run, (directory / TABLE).read_text(encoding="utf-8"), TABLE)


def sparse(history: Sequence[Record]) -> list[Record]:
    """Fewer rows: 0 to 9, 10, 15, 20, ..., 95, 100, 150, ..., and the last. Each costs MLflow half a millisecond."""
    return [row for row in history if str(row.iteration)[1:2] in ("", "0", "5") or row is history[-1]]


@contextmanager
def sweep_run(
    store: Store, name: str, keys: Sequence[str], params: dict[str, str], run: str | None, retrain: bool
) -> Iterator[SweepRun]:
    """The run of a sweep, for as long as it lasts: the given one, or that of the same points from before, or a new one.

    Children that an earlier start of it has left unfinished are deleted: they are trained again.
    """
    with interrupted_by(signal.SIGTERM, signal.SIGHUP):
        origin = provenance()
        # One that is RUNNING is somebody else's: runs whose process is gone are closed by now.
        same = [] if retrain else [f"tags.sweep_key = '{sweep_key(keys)}' and attributes.status != 'RUNNING'"]
        if run is None and (known := store.newest(same)):
            run = known.info.run_id
        if run is None:
            run = store.create_run(name, keeper() | origin | {"sweep_key": sweep_key(keys)}, same=same)
            store.log(run, params=params)
            add_documents(store, run, origin)
        else:
            store.reopen(run)
            store.log(run, tags=keeper())
            for child in store.search(f"tags.`{PARENT}` = '{run}' and attributes.status != 'FINISHED'"):
                store.delete(child.info.run_id)
        with kept_open(store, run):
            yield SweepRun(store, run, name, origin, retrain)


def finished_point(key: str) -> str:
    """The condition that a run meets which is a finished point with this key."""
    return f"tags.key = '{key}' and attributes.status = 'FINISHED'"


def finished(store: Store, keys: Sequence[str]) -> dict[str, str]:
    """The id of the newest FINISHED run of each key that has one."""
    wanted = set(keys)
    runs = store.search("attributes.status = 'FINISHED' and tags.key != ''")
    return {run.data.tags["key"]: run.info.run_id for run in reversed(runs) if run.data.tags["key"] in wanted}


def logged_model(store: Store, run: str) -> Model:
    """The model in a run's artefacts. Raises UserError where they are gone."""
    with TemporaryDirectory() as directory:
        try:
            return load_model(store.download(run, "model", directory))
        except UserError:
            raise UserError(
                f"MLflow's run {run} is finished, but the model among its artefacts is gone: "
                "delete the run, or train all points again with retrain=true"
            ) from None
