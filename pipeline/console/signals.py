"""Ending on a signal as on Ctrl-C, and finishing what must not be cut short."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGHUP)


def interruptible() -> AbstractContextManager[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does; not one that is ignored, as under nohup."""
    return handled(signal.default_int_handler, [n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN])


def uninterrupted() -> AbstractContextManager[None]:
    """Finish what was begun, whatever signals come."""
    return handled(signal.SIG_IGN, (signal.SIGINT, *ENDING))


@contextmanager
def handled(handler: Any, signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Give signals to a handler for a while."""
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
