"""Which process keeps a run open, and what becomes of the run when that process is gone."""

import platform
import time
from collections.abc import Mapping

import psutil

from pipeline.tracking.store import Store

KEEPER = ("host", "pid", "pid_since")  # the tags that name the process that keeps a run open
CLOCK = 1.0  # seconds by which the start of one process can seem to differ


def keeper() -> dict[str, str]:
    """What tells whether the process that keeps a run open is still there."""
    process = psutil.Process()
    return {"host": platform.node(), "pid": str(process.pid), "pid_since": str(process.create_time())}


def close_abandoned_runs(store: Store) -> None:
    """Mark as KILLED the runs of this machine whose process ended without a word, as by `kill -9`."""
    for run in store.search(f"attributes.status = 'RUNNING' and tags.host = '{platform.node()}'"):
        if not is_alive(run.data.tags):
            store.close(run.info.run_id, "KILLED", time.time())


def is_alive(keeper: Mapping[str, str]) -> bool:
    """Whether the process is still there that some tags name."""
    try:
        since = psutil.Process(int(keeper.get("pid", 0))).create_time()
    except psutil.Error:
        return False
    return abs(since - float(keeper.get("pid_since", 0))) < CLOCK
