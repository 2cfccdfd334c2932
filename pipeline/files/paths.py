"""The project's paths, and how to write files and replace directories safely."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]  # of the running code

CONF = CHECKOUT / "conf"
PARAMS = CHECKOUT / "params.yaml"
SOURCE = CHECKOUT / "source"
RAW = CHECKOUT / "raw"
DATA = CHECKOUT / "data"
DATA_POINTER = CHECKOUT / "data.dvc"
NORMALISED = CHECKOUT / "normalised"
MODEL = CHECKOUT / "model"
REPORT = CHECKOUT / "report"
METRICS, RECALL = "metrics.json", "recall.json"  # in report/; DVC compares only the first

PARTIAL, OLD = ".partial", ".old.partial"  # end the names of what is not complete yet, and of what it replaces


def project_root() -> Path:
    """The user's project, even from a temporary checkout where DVC runs a queued experiment."""
    return Path(os.environ.get("DVC_ROOT") or CHECKOUT).resolve()


def shown(path: Path) -> str:
    """The path relative to the project, if it is inside."""
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)


def content_of(path: Path) -> bytes:
    """A file's content. Raises OSError for a pipe too, on which reading would wait for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return path.read_bytes()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing: it takes the place of an old one only once it is complete."""
    new = beside(path, PARTIAL)
    remove(new)
    try:
        with naming(path):
            new.write_bytes(content)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextmanager
def replaced(directory: Path) -> Iterator[Path]:
    """A new, empty directory that replaces `directory` on success and is removed on failure.

    A link or a file of that name is replaced too; what a link points to stays as it is.
    """
    with partial(directory) as new:
        yield new
        old = beside(directory, OLD)
        remove(old)
        with suppress(FileNotFoundError):
            directory.rename(old)
        new.rename(directory)
        remove(old)


@contextmanager
def added(directory: Path) -> Iterator[Path]:
    """Like `replaced`, but moves the new files into `directory` and keeps its other files."""
    with partial(directory) as new:
        yield new
        if not is_a_directory(directory):
            remove(directory)
            directory.mkdir()
        for file in new.iterdir():
            place = directory / file.name
            if is_a_directory(place):
                remove(place)
            file.replace(place)


@contextmanager
def partial(directory: Path) -> Iterator[Path]:
    """A new, empty directory beside `directory` for unfinished work, removed at the end."""
    new = beside(directory, PARTIAL)
    remove(new)
    new.mkdir(parents=True)
    try:
        with naming(directory):
            yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the path in an OSError that names no file, as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # as of NumPy, and of shutil, which lists what failed
            why = error.args[0][0][-1] if isinstance(error, shutil.Error) else error
            raise OSError(errno.EIO, str(why), str(path)) from error
        if error.filename is None:
            error.filename = str(path)
        raise


def set_aside(path: Path) -> Path:
    """Rename what can't be used, so that something else can take its place. Returns its new name."""
    names = (beside(path, f".broken{number or ''}") for number in count())
    return path.rename(next(name for name in names if not os.path.lexists(name)))


def beside(path: Path, suffix: str) -> Path:
    """The path with a suffix added to its name."""
    return path.with_name(path.name + suffix)


def is_a_directory(path: Path) -> bool:
    """Whether this is a directory itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory, if there is one."""
    if is_a_directory(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
