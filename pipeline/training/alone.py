"""Train the same thing in one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from pipeline.console.errors import warn
from pipeline.training.checkpoints import folder


@contextmanager
def alone(key: str) -> Iterator[None]:
    """Wait until no other process of this project trains exactly this, and keep others waiting meanwhile."""
    folder().mkdir(exist_ok=True)
    file = folder() / f"{key}.lock"
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        warn("another process is training exactly this: waiting for its results")
        lock.acquire()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()
