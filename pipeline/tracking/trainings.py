"""The run of one training."""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.core.diagnosis.diagnosis import Diagnosed, Diagnosis, as_markdown
from pipeline.core.training import Record, Training
from pipeline.files.dataset import About
from pipeline.files.model import fingerprint
from pipeline.tracking.open_runs import interrupted_by, keeper, kept_open
from pipeline.tracking.provenance import documents, provenance
from pipeline.tracking.store import Store, as_typed, connect
from pipeline.tracking.view import COMPARED

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
        origin = provenance()
        run = TrainingRun(store, store.create_run(name_of(config), tags_of(about) | keeper() | origin | tags))
        with kept_open(store, run.run, run.send):
            store.log(run.run, params=config)
            store.log_data(run.run, about)
            add_documents(store, run.run, origin)
            yield run


def tags_of(about: About) -> dict[str, str]:
    """The tags that say of which data a run is."""
    return {"data_md5": about.data_md5}


def add_documents(store: Store, run: str, origin: dict[str, str]) -> None:
    """Add what tells where a run comes from, and is too long for the tags that do."""
    with TemporaryDirectory() as directory:
        for name, content in documents(origin).items():
            Path(directory, name).write_bytes(content)
        store.log_files(run, Path(directory), "provenance")


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
    # Last, since a run that has it is taken for whole.
    store.log(run, tags=tags_of_diagnosis(diagnosis) | {"model_sha256": fingerprint(directory)})


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
    tags |= {f"prescription.{name}": as_typed(value) for name, value in diagnosis.prescription.items()}
    return tags if since is None else tags | {"cause_iteration": str(since)}


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics without those that are no number, which MLflow would keep as if they were some."""
    return {name: value for name, value in metrics.items() if isfinite(value)}


def as_metrics(record: Record) -> tuple[int, dict[str, float]]:
    """A row of the history as its step and metrics."""
    metrics = record._asdict()
    return metrics.pop("iteration"), metrics
