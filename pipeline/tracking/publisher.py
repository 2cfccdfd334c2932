"""Publishing as a stage or a sweep does it: what MLflow can't take now waits, and the work goes on."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.console.errors import UserError
from pipeline.files.paths import shown
from pipeline.tracking import waiting
from pipeline.tracking.address import is_a_server, store_uri
from pipeline.tracking.experiment import lock
from pipeline.tracking.failures import failures, failures_to_connect, is_passing, is_refusal, reason
from pipeline.tracking.processes import close_abandoned_runs
from pipeline.tracking.publish import publish
from pipeline.tracking.store import Store

SECONDS_BETWEEN_TRIALS = 60.0  # of a store that did not answer

T = TypeVar("T")


class Publisher:
    """What a process knows of the store. It connects when something is first published or asked."""

    def __init__(self) -> None:
        self.store: Store | None = None
        self.lost: float | None = None  # when the store last failed to answer, by the monotonic clock

    def publish(self, directory: Path) -> bool:
        """Publish a directory, and before it all that waits; whether the store has it now."""
        waiting.add(directory)
        return self.tried(publish_waiting) is not None

    def tried(self, act: Callable[[Store], T]) -> T | None:
        """What an act on the store gives, or None while the store does not answer. It is asked again after a minute.

        Raises UserError where there can be no store.
        """
        if self.lost is not None and time.monotonic() - self.lost < SECONDS_BETWEEN_TRIALS:
            return None
        try:
            self.store = self.store or connect()
            result = act(self.store)
        except failures() as error:
            if is_refusal(error):
                raise
            self.lose(error)
            return None
        self.lost = None
        return result

    def lose(self, error: Exception) -> None:
        """Do without the store for a while."""
        if self.lost is None:
            warn(
                f"MLflow's store does not answer ({reason(error)}).\nContinuing without it: what it lacks is listed in "
                "unpublished/, and published by the next stage or sweep, or by `python -m pipeline.track`."
            )
        self.lost = time.monotonic()


def connect() -> Store:
    """The store, made where it is not there yet, with all that waited for it. Runs whose process is gone are closed.

    Raises UserError where there can be no store, and what MLflow raises where it does not answer.
    """
    store = opened()
    if count := publish_waiting(store):
        warn(f"MLflow's store now has {count} results that waited in unpublished/.")
    close_abandoned_runs(store)
    return store


def opened() -> Store:
    """The store, made where it is not there yet."""
    try:
        with lock():
            store = Store()
            store.experiment  # noqa: B018 (it is made where it is not there)
    except failures_to_connect() as error:
        if is_a_server(store_uri()) and is_passing(error):
            raise
        raise UserError(f"MLflow's store can't be used ({reason(error)}): see what MLFLOW_TRACKING_URI names") from None
    return store


def connected() -> Store:
    """The store, for what can't be done without. Raises UserError where it does not answer."""
    try:
        return connect()
    except failures():
        raise UserError(
            "MLflow's server must answer for this: start it again, or see what MLFLOW_TRACKING_URI names"
        ) from None


def publish_waiting(store: Store) -> int:
    """Publish all that waits, one process at a time; how many directories that were.

    What can't be read, and what MLflow refuses for good, is named, and stays where it is.
    """
    with lock():
        directories = waiting.listed()
        for directory in directories:
            try:
                publish(store, directory)
            except UserError as error:
                warn(f"not published: {error}")
            except failures() as error:
                if not is_refusal(error):
                    raise
                warn(f"not published: MLflow refuses what {shown(directory)}/ holds ({reason(error)})")
            waiting.remove(directory)
    return len(directories)


def warn(text: str) -> None:
    """Say something beside what the program prints."""
    print(text, file=sys.stderr, flush=True)
