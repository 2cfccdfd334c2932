"""Signals during work that must not stop in the middle."""

import signal

import pytest

from pipeline.console.signals import deferred, interruptible, uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_waits_until_the_work_is_done(number):
    done = []
    with interruptible(), pytest.raises(KeyboardInterrupt):
        with deferred():
            signal.raise_signal(number)
            done.append("work")
        done.append("more")
    assert done == ["work"]


def test_it_waits_even_if_the_work_fails():
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        raise OSError


def test_a_second_interruption_does_not_wait():
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the work went on")


def test_signals_that_are_ignored_stay_ignored():
    with uninterrupted(), deferred():
        signal.raise_signal(signal.SIGINT)
