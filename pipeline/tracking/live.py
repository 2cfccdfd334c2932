"""Rows sent to MLflow while a training runs, so that you can watch it.

They are a courtesy. A short training sends none, and publishing adds whatever is missing.
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
from pipeline.tracking.trainings import open_run, params_of, row_values

SECONDS_BETWEEN_BATCHES = 3.0


@dataclass
class LiveTraining:
    """A training that is running."""

    publisher: Publisher
    kept_id: str
    tags: Mapping[str, str]
    config: Mapping[str, Any]
    started: float = field(default_factory=time.time)
    times: list[float] = field(default_factory=list)  # of all rows so far
    unsent: list[tuple[Record, float]] = field(default_factory=list)
    run: str | None = None
    sent: float = field(default_factory=time.monotonic)

    def log(self, row: Record) -> None:
        """Take a row of the history."""
        self.times.append(time.time())
        self.unsent.append((row, self.times[-1]))
        if time.monotonic() - self.sent > SECONDS_BETWEEN_BATCHES:
            self.publisher.attempt(self.send)
            self.sent = time.monotonic()

    def send(self, store: Store) -> None:
        """Send the rows that are not sent yet. The first batch opens the run."""
        if self.run is None:
            self.run = open_run(store, self.kept_id, self.tags, self.started, self.config)
        values = [value for row, moment in self.unsent for value in row_values(row._asdict(), moment)]
        store.log(self.run, values, params_of(self.config))
        self.unsent.clear()

    def end(self, store: Store, status: str) -> None:
        """Close the run of a training that won't finish."""
        self.send(store)
        store.close(str(self.run), status, time.time())


@contextmanager
def live(
    publisher: Publisher, kept_id: str, tags: Mapping[str, str], config: Mapping[str, Any]
) -> Iterator[LiveTraining]:
    """A training while it runs. An interruption leaves a run that is KILLED, and an error one that FAILED."""
    training = LiveTraining(publisher, kept_id, tags, config)
    try:
        yield training
    except BaseException as error:
        status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        with uninterrupted():
            publisher.attempt(lambda store: training.end(store, status))
        raise
