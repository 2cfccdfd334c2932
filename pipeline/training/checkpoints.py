"""checkpoints/: where trainings that were interrupted go on.

DVC knows nothing of it: it clears model/ before it trains. Deleting the folder costs time, and no result.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pipeline.console.errors import in_words, warn
from pipeline.core.descent import Checkpoint
from pipeline.files.checkpoint import read_checkpoint, write_checkpoint
from pipeline.files.paths import PARTIAL, beside, project_root, set_aside, shown
from pipeline.training.key import hashed

SECONDS_BETWEEN = 5.0  # at least
LARGEST_SHARE = 0.02  # of a training's time


class Checkpoints:
    """The newest checkpoint of trainings that run together."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.file = folder() / f"{hashed(list(keys))}.checkpoint"
        self.due = 0.0  # by the monotonic clock

    def latest(self) -> Checkpoint | None:
        """The checkpoint of an earlier process, if it left one. Starts the clock for the next."""
        self.due = time.monotonic() + SECONDS_BETWEEN
        found = readable(self.file)
        if found is None:
            return None
        _, checkpoint = found
        warn(f"continuing after iteration {checkpoint.iteration}, from {shown(self.file)}")
        return checkpoint

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint if it is time for one. Training goes on if that fails."""
        started = time.monotonic()
        if started < self.due:
            return
        try:
            self.file.parent.mkdir(exist_ok=True)
            write_checkpoint(self.file, self.keys, checkpoint)
        except OSError as error:
            warn(f"no checkpoint: {in_words(error)}; training goes on")
        now = time.monotonic()
        self.due = now + max(SECONDS_BETWEEN, (now - started) / LARGEST_SHARE)

    def remove(self) -> None:
        """Remove the checkpoint, once the results are kept, and what a kill left of one that was being written."""
        for file in (self.file, beside(self.file, PARTIAL)):
            file.unlink(missing_ok=True)


def interrupted(keys: Collection[str]) -> Iterator[list[str]]:
    """The keys of trainings that ran together and left a checkpoint, if all are among these."""
    for file in sorted(folder().glob("*.checkpoint")):
        found = readable(file)
        if found is not None and set(found[0]) <= set(keys):
            yield found[0]


def readable(file: Path) -> tuple[list[str], Checkpoint] | None:
    """The keys and the checkpoint in a file, if it exists. A damaged file is set aside."""
    try:
        return read_checkpoint(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        warn(f"{shown(file)} can't be read ({error}): renamed to {set_aside(file).name}")
        return None


def folder() -> Path:
    """The folder of all checkpoints, even from a temporary checkout."""
    return project_root() / "checkpoints"
