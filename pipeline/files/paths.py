"""The project's paths, and how to replace a directory safely."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]  # of the running code

CONF = CHECKOUT / "conf"
PARAMS = CHECKOUT / "params.yaml"
RAW = CHECKOUT / "raw"
DATA = CHECKOUT / "data"
DATA_POINTER = CHECKOUT / "data.dvc"
NORMALISED = CHECKOUT / "normalised"
MODEL = CHECKOUT / "model"
REPORT = CHECKOUT / "report"
METRICS = "metrics.json"  # in report/


def project_root() -> Path:
    """The user's project, even from a temporary checkout where DVC runs a queued experiment."""
    return Path(os.environ.get("DVC_ROOT", CHECKOUT))


def shown(path: Path) -> str:
    """The path relative to the project, if it is inside."""
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing."""
    new = path.with_name(path.name + ".partial")
    try:
        new.write_bytes(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def replaced(directory: Path) -> Iterator[Path]:
    """A new, empty directory that replaces `directory` on success and is removed on failure."""
    with partial(directory) as new:
        yield new
        shutil.rmtree(directory, ignore_errors=True)
        new.rename(directory)


@contextmanager
def added(directory: Path) -> Iterator[Path]:
    """Like `replaced`, but moves the new files into `directory` and keeps its other files."""
    with partial(directory) as new:
        yield new
        directory.mkdir(parents=True, exist_ok=True)
        for file in new.iterdir():
            file.replace(directory / file.name)


@contextmanager
def partial(directory: Path) -> Iterator[Path]:
    """A new, empty directory beside `directory` for unfinished work, removed at the end."""
    new = directory.with_name(directory.name + ".partial")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)
