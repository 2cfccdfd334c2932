"""Which process a training or a sweep belongs to, and how to end with it."""

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread

import psutil

OWNER = ("host", "pid", "pid_since")  # the tags that name a process
CLOCK = 1.0  # seconds by which readings of a process's start can differ


def owner() -> dict[str, str]:
    """The tags that name this process."""
    process = psutil.Process()
    return {"host": platform.node(), "pid": str(process.pid), "pid_since": str(process.create_time())}


def is_alive(tags: Mapping[str, str]) -> bool:
    """Whether the process that the tags name is still running."""
    try:
        since = psutil.Process(int(tags.get("pid", 0))).create_time()
    except psutil.Error:
        return False
    return abs(since - float(tags.get("pid_since", 0))) < CLOCK


def end_with(tags: Mapping[str, str]) -> None:
    """End this process as soon as the one that the tags name is gone, even by SIGKILL.

    Otherwise, an idle worker would stay for five minutes. On another machine, or in that process itself, it does
    nothing.
    """
    pid = int(tags["pid"])

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait()
        os._exit(1)

    if tags["host"] == platform.node() and pid != os.getpid():
        Thread(target=watch, daemon=True).start()
