"""The one door to MLflow.

A run is found again by what it is, the tag `model_sha256`. Its id stands in no file: it would differ at every training
and mean nothing in another store. MLflow takes seconds to import, so that is left to the functions that need it.
"""

import json
import logging
import os
import platform
import re
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from filelock import FileLock

from pipeline.core.training import Record, Training
from pipeline.errors import UserError
from pipeline.files.dataset import About
from pipeline.files.model import Model, fingerprint
from pipeline.files.paths import project_root
from pipeline.provenance import provenance

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "numpy-mlp"
SQLITE = "sqlite:///"
SECONDS_BETWEEN_BATCHES = 2.0


@dataclass
class Store:
    """The experiment in which all runs are."""

    client: "MlflowClient"
    experiment: str  # its id

    def search(self, condition: str) -> "list[Run]":
        """The runs that meet a condition, the newest first."""
        return list(self.client.search_runs([self.experiment], condition, order_by=["attributes.start_time DESC"]))

    def create_run(self, config: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Open a run named after its settings; its id."""
        name = f"{config['init']} α={config['alpha']:g} · {config['iterations']}"
        return str(self.client.create_run(self.experiment, run_name=name, tags=dict(tags)).info.run_id)

    def log_settings(self, run: str, config: Mapping[str, Any], about: About) -> None:
        """Log what is known before the training."""
        from mlflow.entities import Dataset, DatasetInput, Param

        self.client.log_batch(run, params=[Param(key, as_typed(value)) for key, value in config.items()])
        source = json.dumps({"uri": "data.dvc"})
        self.client.log_inputs(run, [DatasetInput(Dataset(about.name, about.data_md5, "local", source))])

    def log_metrics(self, run: str, rows: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Log rows of metrics, each at its step."""
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        metrics = [Metric(name, value, now, step) for step, row in rows for name, value in row.items()]
        self.client.log_batch(run, metrics=metrics)

    def log_model(self, run: str, training: Training, directory: Path) -> None:
        """Log the files in model/, and the tags by which the run is found and judged."""
        self.client.log_artifacts(run, str(directory), "model")
        self.client.set_tag(run, "outcome", training.outcome)
        self.client.set_tag(run, "model_sha256", fingerprint(directory))


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
        self.store.log_metrics(self.run, map(as_metrics, self.waiting))
        self.waiting.clear()
        self.sent = time.monotonic()

    def add_model(self, training: Training, directory: Path) -> None:
        """Add what the training ended in."""
        self.store.log_model(self.run, training, directory)


@contextmanager
def training_run(config: Mapping[str, Any], about: About) -> Iterator[TrainingRun]:
    """A run for as long as the training lasts: then FINISHED, or FAILED by an error, or KILLED by a signal."""
    store = connect()
    with interrupted_by(signal.SIGTERM, signal.SIGHUP):
        run = TrainingRun(store, store.create_run(config, tags_of(about) | provenance()))
        status = "FAILED"
        try:
            store.log_settings(run.run, config, about)
            yield run
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with ignoring(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                try:
                    run.send()
                finally:
                    store.client.set_terminated(run.run, status)


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
        store.log_metrics(run, [(last, news)])
        store.client.log_artifacts(run, str(report), "report")
    return known is not None


def find(store: Store, model: Model) -> "Run | None":
    """The newest run of a model, one of this DVC experiment before all others."""
    same = f"tags.model_sha256 = '{model.sha256}' and tags.data_md5 = '{model.about.data_md5}'"
    runs = store.search(same)
    mine = [run for run in runs if run.data.tags.get("dvc_exp_name") == experiment_name()]
    return next(iter(mine or runs), None)


def fill_in(store: Store, model: Model, directory: Path) -> str:
    """Make a training's run from its files; its id. Where it was trained, and by which command, they don't tell."""
    run = store.create_run(model.config, tags_of(model.about) | {"filled_in": "true"})
    store.log_settings(run, model.config, model.about)
    store.log_metrics(run, map(as_metrics, model.training.history))
    store.log_model(run, model.training, directory)
    store.client.set_terminated(run)
    return run


def connect() -> Store:
    """The store, made where it is not yet there; runs whose process is gone are closed.

    Raises UserError where there can be none.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for name in ("mlflow", "alembic"):  # they report each table that they make
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with lock():
            client = MlflowClient(tracking_uri=store_uri())
            store = Store(client, experiment_id(client))
        close_abandoned_runs(store)
    except MlflowException as error:
        reason = re.sub(r"://[^/@\s]*@", "://", str(error).splitlines()[0])  # without user and password
        raise UserError(f"MLflow's store can't be used ({reason}): see what MLFLOW_TRACKING_URI names") from None
    return store


def experiment_id(client: "MlflowClient") -> str:
    """The id of the one experiment, which is made, or brought back out of MLflow's trash, where need be."""
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is None:
        return str(client.create_experiment(EXPERIMENT, artifact_location()))
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    return str(known.experiment_id)


def store_uri() -> str:
    """MLFLOW_TRACKING_URI, or the file in the project's folder that a plain `mlflow ui` opens there.

    A relative path is the project's. In the temporary checkout of an experiment, the file would be lost with it.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or SQLITE + "mlflow.db"
    return SQLITE + str(project_root() / uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else uri


def artifact_location() -> str | None:
    """An absolute place, as a store of files would else put artefacts wherever it is made; a server has its own."""
    return None if store_uri().startswith("http") else (project_root() / "mlartifacts").as_uri()


def lock() -> FileLock:
    """One process at a time: two that make a SQLite store at once break it, and two may fill in the same run."""
    return FileLock(project_root() / ".mlflow.lock")


def close_abandoned_runs(store: Store) -> None:
    """Mark as KILLED the runs of this machine whose process ended without a word, as by `kill -9`."""
    for run in store.search(f"attributes.status = 'RUNNING' and tags.host = '{platform.node()}'"):
        if not is_alive(int(run.data.tags["pid"]), run.info.start_time / 1000):
            store.client.set_terminated(run.info.run_id, "KILLED")


def is_alive(pid: int, since: float) -> bool:
    """Whether the process that had this pid then (seconds since 1970) is still there."""
    try:
        return psutil.Process(pid).create_time() <= since
    except psutil.Error:
        return False


def tags_of(about: About) -> dict[str, str]:
    """The tags of every run: its data, and what tells whether the process that keeps it is still there."""
    return {
        "data_md5": about.data_md5,
        "dvc_exp_name": experiment_name(),
        "host": platform.node(),
        "pid": str(os.getpid()),
    }


def experiment_name() -> str:
    """The name that DVC gave to its experiment; empty outside of one."""
    return os.environ.get("DVC_EXP_NAME", "")


def as_metrics(record: Record) -> tuple[int, dict[str, float]]:
    """A row of the history as its step and metrics."""
    metrics = record._asdict()
    return metrics.pop("iteration"), metrics


def as_typed(value: Any) -> str:
    """A setting's value as one types it on the command line."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def interrupted_by(*signals: signal.Signals) -> AbstractContextManager[None]:
    """Let these signals raise KeyboardInterrupt, as Ctrl-C does; not one that is ignored, as SIGHUP is under nohup."""
    return handled(signal.default_int_handler, [n for n in signals if signal.getsignal(n) is not signal.SIG_IGN])


def ignoring(*signals: signal.Signals) -> AbstractContextManager[None]:
    """Finish what is begun, whatever signals come."""
    return handled(signal.SIG_IGN, signals)


@contextmanager
def handled(handler: Any, signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Give signals to a handler for a while."""
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
