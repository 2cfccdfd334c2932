"""The rows of a training that goes on, sent to MLflow every few seconds, so that one can watch it there.

They are a courtesy: a short training sends none, and publishing adds whatever is missing.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipeline.console.signals import uninterrupted
from pipeline.core.training import Record
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.store import Store
from pipeline.tracking.trainings import open_run, row_points

SECONDS_BETWEEN_BATCHES = 3.0


@dataclass
class Live:
    """A training that goes on."""

    publisher: Publisher
    kept_id: str
    tags: Mapping[str, str]
    config: Mapping[str, Any]
    started: float = field(default_factory=time.time)
    times: list[float] = field(default_factory=list)  # of all rows so far
    waiting: list[tuple[Record, float]] = field(default_factory=list)
    run: str | None = None
    sent: float = field(default_factory=time.monotonic)

    def log(self, row: Record) -> None:
        """Take a row of the history."""
        self.times.append(time.time())
        self.waiting.append((row, self.times[-1]))
        if time.monotonic() - self.sent > SECONDS_BETWEEN_BATCHES:
            self.publisher.tried(self.send)
            self.sent = time.monotonic()

    def send(self, store: Store) -> None:
        """Send the rows that wait, to a run that is opened for the first of them."""
        if self.run is None:
            self.run = open_run(store, self.kept_id, self.tags, self.started, self.config)
        store.log(self.run, [point for row, moment in self.waiting for point in row_points(row, moment)])
        self.waiting.clear()

    def end(self, store: Store, status: str) -> None:
        """Close the run of a training that will not be finished."""
        self.send(store)
        store.close(str(self.run), status, time.time())


@contextmanager
def live(publisher: Publisher, kept_id: str, tags: Mapping[str, str], config: Mapping[str, Any]) -> Iterator[Live]:
    """A training for as long as it lasts. If it is interrupted its run is KILLED, and after an error it has FAILED."""
    going = Live(publisher, kept_id, tags, config)
    try:
        yield going
    except BaseException as error:
        status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        with uninterrupted():
            publisher.tried(lambda store: going.end(store, status))
        raise
