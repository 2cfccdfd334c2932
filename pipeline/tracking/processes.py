"""Which process a run belongs to, and what becomes of the run once that process is gone."""

import platform
import time
from collections.abc import Mapping

import psutil

from pipeline.tracking.store import Store

OWNER = ("host", "pid", "pid_since")  # a run's tags that name its process
CLOCK = 1.0  # seconds by which readings of a process's start can differ


def owner() -> dict[str, str]:
    """The tags that name this process."""
    process = psutil.Process()
    return {"host": platform.node(), "pid": str(process.pid), "pid_since": str(process.create_time())}


def close_abandoned_runs(store: Store) -> None:
    """Mark this machine's open runs as KILLED if their process is gone, as after `kill -9`."""
    for run in store.search(f"attributes.status = 'RUNNING' and tags.host = '{platform.node()}'"):
        if not is_alive(run.data.tags):
            store.close(run.info.run_id, "KILLED", time.time())


def is_alive(tags: Mapping[str, str]) -> bool:
    """Whether the process that the tags name is still running."""
    try:
        since = psutil.Process(int(tags.get("pid", 0))).create_time()
    except psutil.Error:
        return False
    return abs(since - float(tags.get("pid_since", 0))) < CLOCK
