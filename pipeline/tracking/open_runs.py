"""Runs that are open for as long as a process lives, and what becomes of them when that ends."""

import platform
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from pipeline.tracking.store import Store

CLOCK = 1.0  # seconds by which the start of one process can seem to differ


@contextmanager
def kept_open(store: "Store", run: str, at_the_end: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Keep a run open for a while: then it is FINISHED, or FAILED by an error, or KILLED by a signal."""
    with interrupted_by(signal.SIGTERM, signal.SIGHUP):
        status = "FAILED"
        try:
            yield
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with ignoring(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                try:
                    at_the_end()
                finally:
                    store.close(run, status)


def close_abandoned_runs(store: "Store") -> None:
    """Mark as KILLED the runs of this machine whose process ended without a word, as by `kill -9`."""
    for run in store.search(f"attributes.status = 'RUNNING' and tags.host = '{platform.node()}'"):
        if not is_alive(int(run.data.tags.get("pid", 0)), float(run.data.tags.get("pid_since", 0))):
            store.close(run.info.run_id, "KILLED")


def is_alive(pid: int, since: float) -> bool:
    """Whether the process is still there that has this pid since then (seconds since 1970)."""
    try:
        return abs(psutil.Process(pid).create_time() - since) < CLOCK
    except psutil.Error:
        return False


def keeper() -> dict[str, str]:
    """What tells whether the process that keeps a run open is still there."""
    process = psutil.Process()
    return {"host": platform.node(), "pid": str(process.pid), "pid_since": str(process.create_time())}


def interrupted_by(*signals: signal.Signals) -> AbstractContextManager[None]:
    """Let these signals raise KeyboardInterrupt, as Ctrl-C does; not one that is ignored, as SIGHUP is under nohup."""
    return handled(signal.default_int_handler, [n for n in signals if signal.getsignal(n) is not signal.SIG_IGN])


def ignoring(*signals: signal.Signals) -> AbstractContextManager[None]:
    """Finish what is begun, whatever signals come."""
    return handled(signal.SIG_IGN, signals)


@contextmanager
def handled(handler: Any, signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Give signals to a handler for a while."""
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
