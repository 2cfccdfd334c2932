"""Publishing without depending on the store: what it can't take now is listed for later, and work continues."""

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.console.errors import UserError, in_words, warn
from pipeline.console.signals import deferred
from pipeline.files.paths import shown
from pipeline.kept.process import is_alive
from pipeline.tracking import sqlite_file, unpublished
from pipeline.tracking.address import is_a_server, store_file, store_uri
from pipeline.tracking.experiment import lock
from pipeline.tracking.failures import (
    complaint,
    connection_failures,
    failures,
    is_of_a_file,
    is_refusal,
    is_temporary,
    reason,
)
from pipeline.tracking.publish import publish
from pipeline.tracking.store import Store, collector_paused, load_mlflow

SECONDS_BETWEEN_ATTEMPTS = 60.0  # to reach a store that did not answer

T = TypeVar("T")


class Publisher:
    """A process's link to the store. It connects on first use."""

    def __init__(self) -> None:
        self.store: Store | None = None
        self.unreachable_since: float | None = None  # by the monotonic clock
        self.has_backlog = bool(unpublished.listed())

    def publish(self, directory: Path) -> bool:
        """Publish a directory, after everything that is listed as unpublished. Returns whether the store answered."""
        try:
            unpublished.add(directory)
        except OSError as error:
            warn(
                f"{in_words(error)}. So {shown(directory)}/ is not listed as unpublished: "
                "if MLflow does not get it now, `python -m pipeline.track rebuild` publishes it."
            )
            return self.attempt(lambda store: publish(store, directory)) is not None
        return self.attempt(publish_listed) is not None

    def attempt(self, act: Callable[[Store], T]) -> T | None:
        """Do something with the store. Returns None while it doesn't answer; it is asked again after a minute.

        Raises UserError if there can be no store.
        """
        if self.unreachable_since and time.monotonic() - self.unreachable_since < SECONDS_BETWEEN_ATTEMPTS:
            return None
        try:
            # An interrupted transaction of SQLite would lock the store for the rest of this process.
            with deferred():
                self.store = self.store or connect(self.has_backlog)
                result = act(self.store)
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


def connect(has_backlog: bool) -> Store:
    """Open the store, publish what is listed as unpublished, and close runs whose process is gone.

    `has_backlog` says whether earlier processes left something on the list. Raises UserError if there can be no store,
    and what MLflow raises if the store doesn't answer.
    """
    store = open_store()
    if publish_listed(store) and has_backlog:
        warn("MLflow's store now has what was listed in unpublished/.")
    close_abandoned_runs(store)
    return store


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
        return connect(bool(unpublished.listed()))
    except failures() as error:
        if is_of_a_file(error):
            raise
        if is_a_server(store_uri()):
            raise UserError(
                f"this command needs MLflow's server ({reason(error)}): start it again, or check MLFLOW_TRACKING_URI"
            ) from None
        raise UserError(f"{complaint(error)}, and this command needs it") from None


def publish_listed(store: Store) -> int:
    """Publish everything that is listed as unpublished, one process at a time. Returns how many directories.

    Names what can't be read and what MLflow refuses for good, and takes it off the list.
    """
    with lock():
        directories = unpublished.listed()
        for directory in directories:
            try:
                publish(store, directory)
            except UserError as error:
                warn(f"not published: {error}")
            except failures() as error:
                if not is_refusal(error):
                    raise
                warn(f"not published: MLflow refuses {shown(directory)}/ ({reason(error)})")
            unpublished.remove(directory)
    return len(directories)
