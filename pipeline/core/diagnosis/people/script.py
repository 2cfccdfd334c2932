"""Calls a script's functions without a trace: trials get copies, and their output is not shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.leaves import VIEWS, View, leaves
from pipeline.core.diagnosis.people.memory import Memory
from pipeline.core.diagnosis.people.twin import Values


class UnfitError(Exception):
    """A script can't be examined; the message says why, in one sentence."""


class Script:
    """A script's functions, and its initial parameters."""

    def __init__(
        self,
        params: Any,
        forward: Callable[..., Any],
        step: Callable[..., Any],
        loss: Callable[..., Any] | None,
    ) -> None:
        for name, function in (("forward", forward), ("step", step), ("loss", loss or forward)):
            if not callable(function):
                raise UnfitError(f"{name} is of type {type(function).__name__}, but must be a function")
        if not any(leaves(params, view) for view in VIEWS):
            what = type(params).__name__
            raise UnfitError(f"params is of type {what} and holds no numbers: pass arrays, in any kind of container")
        self.params, self.forward, self.step, self.loss = params, forward, step, loss
        self.memory = Memory(function for function in (forward, step, loss) if function)
        self.leaves = leaves(params, VIEWS[0])

    def use_view(self, view: View) -> None:
        """Switch to another view of the parameters."""
        self.leaves = leaves(self.params, view)

    @contextmanager
    def without_trace(self) -> Iterator["Script"]:
        """Restore everything in the end. Overflows are checked for, so they cause no warnings."""
        try:
            with np.errstate(all="ignore"), redirect_stdout(StringIO()):
                yield self
        finally:
            self.memory.restore()

    def at(self, values: Values, reseed: int = 0) -> Any:
        """A fresh copy of the parameters, with these values; a `reseed` other than 0 gives different random numbers."""
        params = self.memory.fresh_copy(self.params, reseed)
        for leaf, value in values.items():
            params = leaf.put(params, value)
        return params

    def answer(self, params: Any, x: Any) -> Array:
        """The output of forward, as floats. If it returns several arrays, the smallest is not a hidden layer's."""
        given = called(self.forward, params, np.copy(x))
        if isinstance(given, tuple | list):
            arrays = [one for one in given if isinstance(one, np.ndarray) and one.dtype != object]
            given = min(reversed(arrays), key=np.size) if arrays and isinstance(given, tuple) else given
        answer = np.asarray(given)
        if answer.dtype.kind not in "fiub":
            raise TypeError(f"forward returns {type(given).__name__}, but must return an array of numbers")
        return answer.astype(np.float64)

    def after_step(self, params: Any, x: Any, y: Any) -> Any:
        """The parameters after one update, which may change `params` in place. step may return other values as well."""
        given = called(self.step, params, np.copy(x), np.copy(y))
        if is_like(given, params):
            return given
        several = given if isinstance(given, tuple) else ()
        return next((one for one in several if is_like(one, params)), params)


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function. If it exits the program, raise RuntimeError instead."""
    try:
        return function(*arguments)
    except SystemExit:
        raise RuntimeError(f"{getattr(function, '__name__', 'it')} ends the program") from None


def is_like(given: Any, params: Any) -> bool:
    """Whether a return value of step is parameters, rather than a loss, for example."""
    if isinstance(params, tuple | list):
        return isinstance(given, tuple | list) and len(given) == len(params)
    if isinstance(params, dict):
        return isinstance(given, dict) and params.keys() <= given.keys()
    return isinstance(given, type(params))
