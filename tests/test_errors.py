"""A mistake, or a file that can't be used, is one sentence; and a command that failed says so by its exit code."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.console.errors import run
from pipeline.files.paths import naming


def raise_error(error: Exception) -> None:
    raise error


def write_to_a_full_disk() -> None:
    with naming(Path("report.csv")), Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"more")


@pytest.mark.parametrize(
    ("main", "sentence"),
    [
        (write_to_a_full_disk, "report.csv: No space left on device: free some space"),
        (
            lambda: raise_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "original", None, "copy")),
            "copy: No space left on device: free some space",
        ),
        (lambda: Path("/nowhere/file").write_text(""), "/nowhere/file: No such file or directory"),
        (
            lambda: raise_error(PermissionError(errno.EACCES, os.strerror(errno.EACCES), "params.yaml")),
            "params.yaml: Permission denied: see `ls -l` and `lsattr`",
        ),
        (
            lambda: raise_error(OSError(errno.EROFS, os.strerror(errno.EROFS), "raw.partial")),
            "raw.partial: Read-only file system: copy the project to where you may write",
        ),
        (lambda: raise_error(OSError("8 requested and 0 written")), "8 requested and 0 written"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(main, sentence: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == f"error: {sentence}"
