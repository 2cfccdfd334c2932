"""The run of one training, and the evaluation that is added to it.

A run is found again by what it is, the tag `model_sha256`. Its id stands in no file: it would differ at every training
and mean nothing in another store.
"""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.diagnosis.diagnosis import Diagnosed, Diagnosis, as_markdown
from pipeline.core.training import Record, Training
from pipeline.files.dataset import About
from pipeline.files.model import Model, fingerprint
from pipeline.provenance import provenance
from pipeline.tracking.store import (
    Store,
    connect,
    experiment_name,
    interrupted_by,
    kept_open,
    lock,
    tags_of,
)
from pipeline.tracking.view import COMPARED

if TYPE_CHECKING:
    from mlflow.entities import Run

SECONDS_BETWEEN_BATCHES = 2.0


@dataclass
class TrainingRun:
    """The run of a training that goes on: its history is sent every few seconds, so one can watch it."""

    store: Store
    run: str
    waiting: list[Record] = field(default_factory=list)
    sent: float = field(default_factory=time.monotonic)

    def log(self, record: Record) -> None:
        """Take a row of the history."""
        self.waiting.append(record)
        if time.monotonic() - self.sent > SECONDS_BETWEEN_BATCHES:
            self.send()

    def send(self) -> None:
        """Send the rows that wait."""
        self.store.log(self.run, map(as_metrics, self.waiting))
        self.waiting.clear()
        self.sent = time.monotonic()

    def add_model(self, diagnosed: Diagnosed, directory: Path) -> None:
        """Add what the training ended in."""
        self.store.log(self.run, [final_accuracy(diagnosed.training)])
        add_model(self.store, self.run, diagnosed, directory)


@contextmanager
def training_run(config: Mapping[str, Any], about: About, tags: dict[str, str]) -> Iterator[TrainingRun]:
    """A run for as long as the training lasts, with some tags of its own."""
    store = connect()
    with interrupted_by(signal.SIGTERM, signal.SIGHUP):
        run = TrainingRun(store, store.create_run(name_of(config), tags_of(about) | provenance() | tags))
        with kept_open(store, run.run, run.send):
            store.log(run.run, params=config)
            store.log_data(run.run, about)
            yield run


def add_report(model: Model, directory: Path, metrics: Mapping[str, float], report: Path) -> bool:
    """Add an evaluation to the run of the model; whether the store had that run.

    Where it has none (another machine, a model out of DVC's cache, a new store), it is filled in from the model's
    files and marked with the tag `filled_in`.
    """
    store = connect()
    with lock():
        known = find(store, model)
        run = known.info.run_id if known else fill_in(store, model, directory)
        logged = store.client.get_run(run).data.metrics
        by_step = Record._fields if model.training.history else ()
        news = {name: value for name, value in metrics.items() if name not in by_step and logged.get(name) != value}
        last = model.training.history[-1].iteration if model.training.history else 0
        store.log(run, [(last, news)])
        store.log_files(run, report, "report")
    return known is not None


def find(store: Store, model: Model) -> "Run | None":
    """The newest run of a model, one of this DVC experiment before all others."""
    same = f"tags.model_sha256 = '{model.sha256}' and tags.data_md5 = '{model.about.data_md5}'"
    runs = store.search(same)
    mine = [run for run in runs if run.data.tags.get("dvc_exp_name") == experiment_name()]
    return next(iter(mine or runs), None)


def fill_in(store: Store, model: Model, directory: Path) -> str:
    """Make a training's run from its files; its id. Where it was trained, and by which command, they don't tell."""
    run = store.create_run(name_of(model.config), tags_of(model.about) | {"filled_in": "true"})
    rows = [final_accuracy(model.training), *map(as_metrics, model.training.history)]
    store.log(run, rows, model.config)
    store.log_data(run, model.about)
    add_model(store, run, Diagnosed(model.training, model.diagnosis), directory)
    store.close(run)
    return run


def name_of(config: Mapping[str, Any]) -> str:
    """A training's name in MLflow's UI."""
    return f"{config['init']} α={config['alpha']:g} · {config['iterations']}"


def add_model(store: Store, run: str, diagnosed: Diagnosed, directory: Path) -> None:
    """Add a trained model to its run, with the vital signs of its training, and the diagnosis."""
    training, diagnosis = diagnosed
    vitals = (vitals.flat() for vitals in training.vitals)
    rows = [(int(numbers.pop("iteration")), finite(numbers)) for numbers in vitals]
    if diagnosis.stable_alpha is not None:
        rows.append((0, {"stable_alpha": diagnosis.stable_alpha}))
    store.log(run, rows)
    store.log_files(run, directory, "model")
    store.log_text(run, as_markdown(diagnosis), "report/diagnosis.md")
    store.tag(run, tags_of_diagnosis(diagnosis) | {"model_sha256": fingerprint(directory)})


def final_accuracy(training: Training) -> tuple[int, dict[str, float]]:
    """The row with the validation accuracy of the network that a training left; 0 where its outputs are no numbers.

    Every training has one, so that MLflow's UI can sort and compare failed runs too.
    """
    accuracy = 0.0 if training.diverged else training.history[-1].validation_accuracy
    return training.iterations, {COMPARED: accuracy}


def tags_of_diagnosis(diagnosis: Diagnosis) -> dict[str, str]:
    """The tags by which a run is judged."""
    since = diagnosis.cause_iteration
    tags = {"outcome": diagnosis.outcome, "cause": diagnosis.cause}
    return tags if since is None else tags | {"cause_iteration": str(since)}


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics without those that are no number, which MLflow would keep as if they were some."""
    return {name: value for name, value in metrics.items() if isfinite(value)}


def as_metrics(record: Record) -> tuple[int, dict[str, float]]:
    """A row of the history as its step and metrics."""
    metrics = record._asdict()
    return metrics.pop("iteration"), metrics
