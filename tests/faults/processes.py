"""The processes of a case, which a variable of their environment marks."""

import time
from uuid import uuid4

import psutil

MARK = "FAULTS_CASE"
SECONDS_TO_END = 60  # for a process that was asked to, or whose parent is gone


def new_mark() -> dict[str, str]:
    """An environment variable that marks the processes of a case."""
    return {MARK: uuid4().hex}


def marked(mark: dict[str, str]) -> list[psutil.Process]:
    """The processes with a mark that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark[MARK] and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def require_no_process(mark: dict[str, str]) -> None:
    """Wait until no process with a mark is left. Raises AssertionError if one stays, and ends it."""
    deadline = time.monotonic() + SECONDS_TO_END
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    names = [" ".join(process.cmdline()) for process in left]
    for process in left:
        process.kill()
    assert not left, f"still running after {SECONDS_TO_END} s: {'; '.join(names)}"
