"""A sweep's run in MLflow, published from the sweep's directory, and the points that MLflow has as finished.

A key identifies a point (see `pipeline.training.key`), and the keys of all its points identify a sweep. So the same
command continues an interrupted sweep in the same run, and trains only the points that aren't FINISHED.
"""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.console.errors import UserError
from pipeline.files.model import Model
from pipeline.kept.directories import COMPARISON, PROVENANCE, KeptSweep, read_sweep
from pipeline.kept.process import OWNER, is_alive
from pipeline.tracking.store import PARENT, Store, Value, is_deleted, milliseconds
from pipeline.tracking.view import NOTE, run_page

if TYPE_CHECKING:
    from mlflow.entities import Run

TABLE, SUMMARY = "sweep.csv", "summary.txt"
LINKED = 5  # points in a sweep's description
IS_A_SWEEP = "tags.sweep_key != ''"
FINISHED_POINTS = "attributes.status = 'FINISHED' and tags.key != ''"


def publish_sweep(store: Store, directory: Path) -> str:
    """Publish a sweep, after its points. Once it has ended, it has a comparison. Returns its run."""
    sweep = read_sweep(directory)
    known = known_run(store, sweep)
    if known is not None and (is_deleted(known) or has(known, sweep)):
        return str(known.info.run_id)
    run = str(known.info.run_id) if known else open_sweep(store, sweep)
    if known is None or not known.data.params:  # it was opened for a point, or by a process that was killed
        store.log_files(run, directory / PROVENANCE, PROVENANCE)
        store.log(run, params=sweep.params)
    store.log(run, tags={name: sweep.tags[name] for name in OWNER})
    if sweep.ended is not None:
        if (directory / COMPARISON).exists():
            log_comparison(store, run, directory / COMPARISON, sweep, sweep.ended)
        store.close(run, sweep.status, sweep.ended)
    elif known:
        store.reopen(run)
    return run


def run_of_sweep(store: Store, directory: Path) -> str:
    """Find a sweep's run, or open one."""
    sweep = read_sweep(directory)
    known = known_run(store, sweep)
    return str(known.info.run_id) if known else open_sweep(store, sweep)


def known_run(store: Store, sweep: KeptSweep) -> "Run | None":
    """Find a sweep's run: by its id, or by its points."""
    if (known := store.with_id(sweep.id)) is not None or sweep.repeats:
        return known
    return store.newest([same_points(sweep.tags["sweep_key"])])


def newest_sweep(store: Store, condition: str = IS_A_SWEEP) -> "Run | None":
    """The sweep that is running or ended last: one that was run again keeps its start."""
    sweeps = store.search(condition)
    return max(sweeps, key=lambda sweep: inf if sweep.info.status == "RUNNING" else sweep.info.end_time, default=None)


def same_points(sweep_key: str) -> str:
    """The condition for a sweep of the same points that isn't running.

    A running one belongs to another process: abandoned runs are closed on connecting.
    """
    return f"tags.sweep_key = '{sweep_key}' and attributes.status != 'RUNNING'"


def has(known: "Run", sweep: KeptSweep) -> bool:
    """Whether a run is as recent as what is kept: repeating the command may have completed the sweep since."""
    if sweep.ended is None:
        return not is_alive(sweep.tags)
    if known.info.status == "KILLED" and sweep.status != "KILLED":  # only a process that published it was killed
        return False
    return known.info.end_time is not None and known.info.end_time >= milliseconds(sweep.ended)


def open_sweep(store: Store, sweep: KeptSweep) -> str:
    """Open a sweep's run. Returns its id."""
    return store.create(sweep.name, sweep.tags | {"kept_id": sweep.id}, sweep.started)


def log_comparison(store: Store, run: str, comparison: Path, sweep: KeptSweep, ended: float) -> None:
    """Log a sweep's comparison. In MLflow its table has an extra column, with the points' runs."""
    table = pd.read_csv(comparison / TABLE, dtype=str, keep_default_na=False)
    finished = {point.data.tags["model_sha256"]: point.info for point in reversed(store.search(FINISHED_POINTS))}
    points = [finished.get(sha256) for sha256 in table.model_sha256]
    table["run_id"] = [point.run_id if point else None for point in points]
    store.log_files(run, comparison)
    store.log_text(run, table.to_csv(index=False, lineterminator="\n"), TABLE)
    before = store.run(run).data.metrics
    values = [Value(name, value, 0, ended) for name, value in sweep.metrics.items() if before.get(name) != value]
    links = [(point.run_name, run_page("", point.experiment_id, point.run_id)) for point in points if point]
    note = description((comparison / SUMMARY).read_text(encoding="utf-8"), links)
    has_best = "best_validation_accuracy" in sweep.metrics
    best = {"best_run_id": table.run_id[0], "best_settings": sweep.best_settings} if has_best else {}
    store.log(run, values, tags=best | {NOTE: note})


def description(summary: str, best: Sequence[tuple[str, str]]) -> str:
    """A sweep's description in MLflow's UI: its summary, and links to its best points, given by name and address."""
    links = [f"- [{name}]({address})" for name, address in best[:LINKED]]
    return "\n".join(["Its best points:", "", *links, "", "```text", summary.rstrip(), "```", ""])


def resumed(store: Store, sweep_key: str) -> tuple[str, float] | None:
    """The kept id and the start of the newest sweep of the same points, if any. Deletes its unfinished points."""
    known = store.newest([same_points(sweep_key)])
    if known is None or "kept_id" not in known.data.tags:
        return None
    for child in store.search(f"tags.`{PARENT}` = '{known.info.run_id}' and attributes.status != 'FINISHED'"):
        store.delete(child.info.run_id)
    return known.data.tags["kept_id"], known.info.start_time / 1000


def finished_points(store: Store) -> "dict[str, Run]":
    """The newest FINISHED run of each point, by its key."""
    return {run.data.tags["key"]: run for run in reversed(store.search(FINISHED_POINTS))}


def finished_models(store: Store, keys: Sequence[str]) -> dict[str, Model]:
    """The model of the newest FINISHED run for each key. Raises UserError if it is gone or was changed."""
    runs = finished_points(store)
    return {key: finished_model(store, runs[key]) for key in keys if key in runs}


def finished_model(store: Store, run: "Run") -> Model:
    """The model of a finished run."""
    try:
        with TemporaryDirectory() as directory:
            return store.download_model(run, directory)
    except UserError as error:
        raise UserError(f"{error}: delete the run, or train every point again with retrain=true") from None
