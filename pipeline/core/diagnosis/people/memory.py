"""What functions remember between calls, outside of their arguments: variables, and the state of random numbers."""

import random
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from pipeline.core.diagnosis.people.leaves import NOT_DATA, children

LARGE = 10_000_000  # numbers of an array that is data and no state
SKIPPED = 101  # random numbers: after a few, a shuffle that rejects some draws can come out the same


class Variable(NamedTuple):
    """A variable that a function uses, and how it is set."""

    value: Any
    set: Callable[[Any], None]


class Memory:
    """The variables that functions use. Trials get copies of them; in the end, all are what they were."""

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        seen: set[int] = set()
        found = [variable for function in functions for variable in variables(function, seen)]
        self.variables = [variable for variable in found if is_copyable(variable.value)]
        self.shared: dict[int, Any] = {}  # what can't be copied: locks, files
        self.numpy, self.python = np.random.get_state(), random.getstate()  # noqa: NPY002  # theirs may be the old one

    def afresh(self, params: Any, luck: int = 0) -> Any:
        """A copy of the parameters, after every variable was set to a copy; what was the same object still is.

        Random numbers go on from where they were, or, with another `luck`, from elsewhere.
        """
        originals = (params, [variable.value for variable in self.variables])
        try:
            params, values = deepcopy(originals, dict(self.shared))
        except Exception:  # of whatever refuses to be copied
            self.shared = {id(one): one for one in uncopyable(originals, set())}
            params, values = deepcopy(originals, dict(self.shared))
        for variable, value in zip(self.variables, values, strict=True):
            variable.set(value)
        self.restore_random()
        if luck:
            np.random.seed(luck)  # noqa: NPY002
            random.seed(luck)
            for generator in generators((params, values), set()):
                generator.random(SKIPPED * luck)
        return params

    def restore(self) -> None:
        """Put back the variables themselves."""
        for variable in self.variables:
            variable.set(variable.value)
        self.restore_random()

    def restore_random(self) -> None:
        """Put back the state of NumPy's and Python's global random numbers."""
        np.random.set_state(self.numpy)  # noqa: NPY002
        random.setstate(self.python)


def variables(function: Any, seen: set[int]) -> Iterator[Variable]:
    """What a function refers to, and what the functions that it refers to do."""
    function = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    space = function.__globals__
    names = {name for code in codes(function.__code__) for name in code.co_names if name in space}
    found = [Variable(space[name], partial(space.__setitem__, name)) for name in sorted(names)]
    for cell in function.__closure__ or ():
        try:
            found.append(Variable(cell.cell_contents, partial(setattr, cell, "cell_contents")))
        except ValueError:  # it has no value yet
            continue
    for variable in found:
        if isinstance(variable.value, FunctionType | MethodType):
            yield from variables(variable.value, seen)
        else:
            yield variable


def codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def generators(value: Any, seen: set[int]) -> Iterator[np.random.Generator]:
    """The random number generators in a container."""
    if isinstance(value, np.random.Generator):
        yield value
    elif id(value) not in seen:
        seen.add(id(value))
        for _, inner in children(value):
            yield from generators(inner, seen)


def uncopyable(value: Any, seen: set[int]) -> Iterator[Any]:
    """What can't be copied, as far inside a container as that can be seen."""
    if id(value) in seen:
        return
    seen.add(id(value))
    inner = [found for _, one in children(value) for found in uncopyable(one, seen)]
    yield from inner
    if not inner and not callable(value) and not is_copyable(value):
        yield value


def is_copyable(value: Any) -> bool:
    """Whether a value may be state: it can be copied, and is no huge table of data."""
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return True
    if isinstance(value, NOT_DATA) or callable(value) or (isinstance(value, np.ndarray) and value.size > LARGE):
        return False
    try:
        deepcopy(value)
    except Exception:  # locks, files, connections: whatever refuses is no state of a network
        return False
    return True
