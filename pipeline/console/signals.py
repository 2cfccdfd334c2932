"""Treat other signals like Ctrl-C, and protect work that must not be interrupted."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGHUP)


def interruptible() -> AbstractContextManager[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, like Ctrl-C, unless they are ignored, as under nohup."""
    return handled(signal.default_int_handler, [n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN])


def uninterrupted() -> AbstractContextManager[None]:
    """Ignore Ctrl-C, SIGTERM and SIGHUP."""
    return handled(signal.SIG_IGN, (signal.SIGINT, *ENDING))


@contextmanager
def deferred() -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or SIGHUP wait until some work is done. The next one interrupts it."""
    waiting: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        if waiting:
            signal.default_int_handler(number, frame)
        waiting.append(number)

    try:
        with handled(wait, [n for n in (signal.SIGINT, *ENDING) if signal.getsignal(n) is not signal.SIG_IGN]):
            yield
    finally:
        if waiting:
            signal.raise_signal(waiting[0])


@contextmanager
def handled(handler: Any, signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Handle signals with `handler`, then restore their previous handlers."""
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
