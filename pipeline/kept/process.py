"""Which process a training or a sweep belongs to."""

import platform
from collections.abc import Mapping

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
