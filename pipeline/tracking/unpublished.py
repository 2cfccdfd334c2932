"""unpublished/: for each store, a list of the directories that it doesn't have yet."""

import hashlib
from pathlib import Path

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import warn
from pipeline.files.paths import content_of, project_root, set_aside, shown, write_whole
from pipeline.tracking.address import store_uri
from pipeline.tracking.store import lock


def listed() -> list[Path]:
    """The directories on the list, the oldest first. A list that can't be read is set aside, and the user is told."""
    file = list_file()
    try:
        lines = content_of(file).decode().split("\n")
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError):
        unreadable = file if file.parent.is_dir() else file.parent
        warn(
            f"{shown(unreadable)} can't be read as a list of what is unpublished: renamed to "
            f"{set_aside(unreadable).name}. `python -m pipeline.track rebuild` publishes what it may have listed."
        )
        lines = []
    return [project_root() / line for line in lines if line]


def add(directory: Path) -> None:
    """Put a directory at the end of the list, even if it is listed already: a sweep must follow its points."""
    with lock():
        write([*(other for other in listed() if other != directory), directory])


def remove(directory: Path) -> None:
    """Take a directory off the list."""
    with lock():
        write([other for other in listed() if other != directory])


def write(directories: list[Path]) -> None:
    """Write the list, all of it or nothing."""
    root, file = project_root(), list_file()
    names = [str(path.relative_to(root) if path.is_relative_to(root) else path) for path in directories]
    file.parent.mkdir(exist_ok=True)
    write_whole(file, "".join(f"{name}\n" for name in names).encode())
    if not names:
        file.unlink()


def list_file() -> Path:
    """The list of this store."""
    address = without_credentials(store_uri())
    return project_root() / "unpublished" / f"{hashlib.sha256(address.encode()).hexdigest()[:12]}.txt"
