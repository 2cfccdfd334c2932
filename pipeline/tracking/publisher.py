"""Publishing in MLflow what the directories of trainings and sweeps hold: see pipeline/kept/.

No training or sweep depends on the store: what it can't take now is listed for later, and work continues.
"""

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.console.errors import UserError, in_words, warn
from pipeline.console.signals import deferred
from pipeline.files.paths import shown
from pipeline.kept.directories import SWEEP, readable
from pipeline.kept.process import is_alive
from pipeline.tracking import sqlite_file, unpublished
from pipeline.tracking.address import is_a_server, store_file, store_uri
from pipeline.tracking.failures import (
    complaint,
    connection_failures,
    failures,
    is_of_a_file,
    is_refusal,
    is_temporary,
    reason,
)
from pipeline.tracking.store import Store, collector_paused, load_mlflow, lock
from pipeline.tracking.sweeps import publish_sweep
from pipeline.tracking.trainings import publish_training

SECONDS_BETWEEN_ATTEMPTS = 60.0  # to reach a store that did not answer

T = TypeVar("T")


def publish(store: Store, directory: Path) -> str:
    """Publish the directory of a training or a sweep. Returns the run's id.

    This is idempotent. It finds a run by the tag `kept_id`, or by what the run is, and adds only what is missing. A run
    in MLflow's trash stays there.

    Raises UserError if the directory can't be read or MLflow refuses it for good, and what MLflow raises if its store
    fails.
    """
    try:
        with readable(directory):
            if (directory / SWEEP).exists():
                return publish_sweep(store, directory)
            return publish_training(store, directory)
    except failures() as error:
        if not is_refusal(error):
            raise
        raise UserError(f"MLflow refuses {shown(directory)}/ ({reason(error)})") from None


def publish_or_warn(store: Store, directory: Path) -> bool:
    """Publish a directory. Returns whether MLflow took it, and says why if it never will."""
    try:
        publish(store, directory)
    except UserError as error:
        warn(f"not published: {error}")
        return False
    return True


class Publisher:
    """A process's link to the store. It connects on first use."""

    def __init__(self) -> None:
        self.store: Store | None = None
        self.unreachable_since: float | None = None  # by the monotonic clock
        self.backlog = unpublished.listed()  # of earlier processes
        self.taken: dict[Path, bool] = {}  # whether MLflow took each directory

    def publish(self, directory: Path) -> bool | None:
        """Publish a directory, after everything that is listed as unpublished.

        Returns whether MLflow has it now; None while the store doesn't answer.
        """
        self.taken.pop(directory, None)
        try:
            unpublished.add(directory)
        except OSError as error:
            warn(
                f"{in_words(error)}. So {shown(directory)}/ is not listed as unpublished: "
                "if MLflow does not get it now, `python -m pipeline.track rebuild` publishes it."
            )
        else:
            self.attempt(self.publish_listed)
        if directory not in self.taken:  # it was not listed, or another process has taken it off the list
            self.attempt(lambda store: self.offer(store, directory))
        return self.taken.get(directory)

    def attempt(self, act: Callable[[Store], T]) -> T | None:
        """Do something with the store. Returns None while it doesn't answer; it is asked again after a minute.

        Raises UserError if there can be no store.
        """
        if self.unreachable_since and time.monotonic() - self.unreachable_since < SECONDS_BETWEEN_ATTEMPTS:
            return None
        try:
            # An interrupted transaction of SQLite would lock the store for the rest of this process.
            with deferred():
                result = act(self.connected())
        except failures() as error:
            self.mark_unreachable(error)
            return None
        self.unreachable_since = None
        return result

    def mark_unreachable(self, error: Exception) -> None:
        """Leave the store alone for a while, and say so once."""
        if self.unreachable_since is None:
            warn(
                f"{complaint(error)}.\nContinuing without it. Results are listed in unpublished/ until the next stage, "
                "the next sweep or `python -m pipeline.track` publishes them."
            )
        self.unreachable_since = time.monotonic()

    def connected(self) -> Store:
        """The store. When it is opened, what is listed gets published, and runs whose process is gone are closed.

        Raises UserError if there can be no store, and what MLflow raises if the store doesn't answer.
        """
        if self.store is None:
            store = open_store()
            self.publish_listed(store)
            taken = [self.taken[directory] for directory in self.backlog if directory in self.taken]
            if any(taken):
                warn(f"MLflow's store now has {'' if all(taken) else 'the rest of '}what was listed in unpublished/.")
            close_abandoned_runs(store)
            self.store = store
        return self.store

    def publish_listed(self, store: Store) -> None:
        """Publish everything that is listed as unpublished, one process at a time."""
        with lock():
            for directory in unpublished.listed():
                self.offer(store, directory)
                unpublished.remove(directory)

    def offer(self, store: Store, directory: Path) -> None:
        """Publish a directory, and remember whether MLflow took it."""
        with lock():
            self.taken[directory] = publish_or_warn(store, directory)


def close_abandoned_runs(store: Store) -> None:
    """Mark this machine's open runs as KILLED if their process is gone, as after `kill -9`."""
    for run in store.search(f"attributes.status = 'RUNNING' and tags.host = '{platform.node()}'"):
        if not is_alive(run.data.tags):
            store.close(run.info.run_id, "KILLED", time.time())


def open_store() -> Store:
    """Open the store, and make it if there is none. One that was never completed is set aside."""
    file = store_file()
    try:
        with lock(), collector_paused():
            load_mlflow()
            if file is not None and (broken := sqlite_file.ensure(file)):
                warn(f"{file.name} was never completed and holds no runs: renamed to {broken.name}, and made anew.")
            store = Store()
            store.experiment  # noqa: B018 (makes the experiment)
    except connection_failures() as error:
        if is_of_a_file(error) or (is_a_server(store_uri()) and is_temporary(error)):
            raise
        raise UserError(f"MLflow's store can't be used ({reason(error)}): check MLFLOW_TRACKING_URI") from None
    return store


def required_store() -> Store:
    """Connect to the store for a command that can't do without. Raises UserError if it doesn't answer."""
    try:
        return Publisher().connected()
    except failures() as error:
        if is_of_a_file(error):
            raise
        if is_a_server(store_uri()):
            raise UserError(
                f"this command needs MLflow's server ({reason(error)}): start it again, or check MLFLOW_TRACKING_URI"
            ) from None
        raise UserError(f"{complaint(error)}, and this command needs it") from None
