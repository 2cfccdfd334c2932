"""MLflow's store: where it is, how runs get into it, and how they end.

MLflow takes seconds to import, so that is left to the functions that need it.
"""

import json
import logging
import os
import platform
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from filelock import FileLock

from pipeline.errors import UserError
from pipeline.files.dataset import About
from pipeline.files.paths import project_root
from pipeline.tracking.view import NOTE, VIEWS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "numpy-mlp"
SQLITE = "sqlite:///"


@dataclass
class Store:
    """The experiment in which all runs are."""

    client: "MlflowClient"
    experiment: str  # its id

    def search(self, condition: str) -> "list[Run]":
        """The runs that meet a condition, the newest first."""
        newest_first = ["attributes.start_time DESC"]
        page = self.client.search_runs([self.experiment], condition, order_by=newest_first)
        runs = list(page)
        while page.token:
            page = self.client.search_runs([self.experiment], condition, order_by=newest_first, page_token=page.token)
            runs += page
        return runs

    def create_run(self, name: str, tags: Mapping[str, str], started: float | None = None) -> str:
        """Open a run; its id. It started now, unless a time is given (seconds since 1970)."""
        moment = None if started is None else milliseconds(started)
        return str(self.client.create_run(self.experiment, moment, dict(tags), name).info.run_id)

    def log(
        self,
        run: str,
        rows: Iterable[tuple[int, Mapping[str, float]]] = (),
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Log rows of metrics, each at its step, and params, all at once."""
        from mlflow.entities import Metric, Param

        now = milliseconds(time.time())
        metrics = [Metric(name, value, now, step) for step, row in rows for name, value in row.items()]
        self.client.log_batch(run, metrics, [Param(key, as_typed(value)) for key, value in (params or {}).items()])

    def log_data(self, run: str, about: About) -> None:
        """Log which data a run is of."""
        from mlflow.entities import Dataset, DatasetInput

        source = json.dumps({"uri": "data.dvc"})
        self.client.log_inputs(run, [DatasetInput(Dataset(about.name, about.data_md5, "local", source))])

    def log_files(self, run: str, directory: Path, name: str | None = None) -> None:
        """Log the files in a directory, under a name."""
        self.client.log_artifacts(run, str(directory), name)

    def log_text(self, run: str, text: str, path: str) -> None:
        """Log a text as the file at a path."""
        self.client.log_text(run, text, path)

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        from mlflow.entities import RunTag

        self.client.log_batch(run, tags=[RunTag(key, value) for key, value in tags.items()])

    def close(self, run: str, status: str = "FINISHED", ended: float | None = None) -> None:
        """End a run: now, unless a time is given (seconds since 1970)."""
        self.client.set_terminated(run, status, None if ended is None else milliseconds(ended))


def milliseconds(seconds: float) -> int:
    """A time as MLflow has it."""
    return round(seconds * 1000)


@contextmanager
def kept_open(store: Store, run: str, at_the_end: Callable[[], None]) -> Iterator[None]:
    """Keep a run open for a while: then it is FINISHED, or FAILED by an error, or KILLED by a signal."""
    with interrupted_by(signal.SIGTERM, signal.SIGHUP):
        status = "FAILED"
        try:
            yield
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with ignoring(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                try:
                    at_the_end()
                finally:
                    store.close(run, status)


def connect() -> Store:
    """The store, made where it is not yet there; runs whose process is gone are closed.

    Raises UserError where there can be none.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
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
        return str(client.create_experiment(EXPERIMENT, artifact_location(), VIEWS | NOTE))
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    for key, view in VIEWS.items():
        if known.tags.get(key) != view:
            client.set_experiment_tag(known.experiment_id, key, view)
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
            store.close(run.info.run_id, "KILLED")


def is_alive(pid: int, since: float) -> bool:
    """Whether the process that had this pid then (seconds since 1970) is still there."""
    try:
        return psutil.Process(pid).create_time() <= since
    except psutil.Error:
        return False


def tags_of(about: About) -> dict[str, str]:
    """The tags of every run: its data and experiment, and who keeps it."""
    return {"data_md5": about.data_md5, "dvc_exp_name": experiment_name()} | keeper()


def keeper() -> dict[str, str]:
    """What tells whether the process that keeps a run open is still there."""
    return {"host": platform.node(), "pid": str(os.getpid())}


def experiment_name() -> str:
    """The name that DVC gave to its experiment; empty outside of one."""
    return os.environ.get("DVC_EXP_NAME", "")


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
