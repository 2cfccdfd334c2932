"""A sweep's run in MLflow, filled from the sweep's directory, and the finished points that MLflow knows.

A point is found again by its key (see `pipeline.grid.key`), a sweep by the keys of all its points. So the same command,
started again after an interruption, goes on in the same run, and trains only what is not yet FINISHED.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from pipeline.console.errors import UserError
from pipeline.files.model import Model, load_model
from pipeline.tracking.kept import COMPARISON, PROVENANCE, KeptSweep, read_sweep
from pipeline.tracking.processes import KEEPER, is_alive
from pipeline.tracking.store import PARENT, Point, Store, is_deleted, milliseconds

if TYPE_CHECKING:
    from mlflow.entities import Run

TABLE = "sweep.csv"
FINISHED_POINTS = "attributes.status = 'FINISHED' and tags.key != ''"


class Finished(NamedTuple):
    """A point that was trained before."""

    run: str  # MLflow's
    model: Model


def publish_sweep(store: Store, directory: Path) -> str:
    """Publish a sweep, with its comparison once it has ended; its run. Its points come first."""
    sweep = read_sweep(directory)
    known = known_run(store, sweep)
    if known is not None and (is_deleted(known) or has(known, sweep)):
        return str(known.info.run_id)
    run = str(known.info.run_id) if known else open_sweep(store, directory, sweep)
    store.log(run, tags={name: sweep.tags[name] for name in KEEPER})
    if sweep.ended is not None:
        if (directory / COMPARISON).exists():
            log_comparison(store, run, directory / COMPARISON, sweep, sweep.ended)
        store.close(run, sweep.status, sweep.ended)
    elif known:
        store.reopen(run)
    return run


def run_of_sweep(store: Store, directory: Path) -> str:
    """The run of a sweep, which is opened where there is none yet."""
    sweep = read_sweep(directory)
    known = known_run(store, sweep)
    return str(known.info.run_id) if known else open_sweep(store, directory, sweep)


def known_run(store: Store, sweep: KeptSweep) -> "Run | None":
    """MLflow's run of a sweep, if there is one: under its id, or of the same points."""
    if (known := store.with_id(sweep.id)) is not None or sweep.repeats:
        return known
    return store.newest([same_points(sweep.tags["sweep_key"])])


def same_points(sweep_key: str) -> str:
    """The condition that a sweep of the same points meets which is over.

    One that is RUNNING is somebody else's: runs whose process is gone are closed by now.
    """
    return f"tags.sweep_key = '{sweep_key}' and attributes.status != 'RUNNING'"


def has(known: "Run", sweep: KeptSweep) -> bool:
    """Whether a run has what is kept of its sweep, or more: the same command may have completed the sweep later."""
    if sweep.ended is None:
        return not is_alive(sweep.tags)
    return known.info.end_time is not None and known.info.end_time >= milliseconds(sweep.ended)


def open_sweep(store: Store, directory: Path, sweep: KeptSweep) -> str:
    """Open the run of a sweep; its id."""
    run = store.create(sweep.name, sweep.tags | {"kept_id": sweep.id}, sweep.started)
    store.log(run, params=sweep.params)
    store.log_files(run, directory / PROVENANCE, PROVENANCE)
    return run


def log_comparison(store: Store, run: str, comparison: Path, sweep: KeptSweep, ended: float) -> None:
    """Log what a sweep found out. In MLflow its table has a column more: the points' runs."""
    table = pd.read_csv(comparison / TABLE, dtype=str, keep_default_na=False)
    runs = {point.data.tags["model_sha256"]: point.info.run_id for point in reversed(store.search(FINISHED_POINTS))}
    table["run_id"] = table.model_sha256.map(runs)
    store.log_files(run, comparison)
    store.log_text(run, table.to_csv(index=False, lineterminator="\n"), TABLE)
    before = store.run(run).data.metrics
    points = [Point(name, value, 0, ended) for name, value in sweep.metrics.items() if before.get(name) != value]
    store.log(run, points, tags={"best_run_id": table.run_id[0], "best_settings": sweep.best_settings})


def resumed(store: Store, sweep_key: str) -> tuple[str, float] | None:
    """The kept id and the start of the newest sweep of the same points, if there is one; its unfinished points go."""
    known = store.newest([same_points(sweep_key)])
    if known is None or "kept_id" not in known.data.tags:
        return None
    for child in store.search(f"tags.`{PARENT}` = '{known.info.run_id}' and attributes.status != 'FINISHED'"):
        store.delete(child.info.run_id)
    return known.data.tags["kept_id"], known.info.start_time / 1000


def finished_models(store: Store, keys: Sequence[str]) -> dict[str, Finished]:
    """The newest FINISHED run of each key that has one, with its model."""
    runs = {run.data.tags["key"]: run.info.run_id for run in reversed(store.search(FINISHED_POINTS))}
    return {key: Finished(runs[key], logged_model(store, runs[key])) for key in keys if key in runs}


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
