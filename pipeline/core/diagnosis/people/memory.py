"""What functions remember between calls, outside of their arguments: variables of closures and of their module."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from pipeline.core.diagnosis.people.leaves import NOT_DATA

LARGE = 10_000_000  # numbers of an array that is data and no state


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

    def afresh(self, params: Any) -> Any:
        """A copy of the parameters, after every variable was set to a copy; what was the same object still is."""
        params, values = deepcopy((params, [variable.value for variable in self.variables]))
        for variable, value in zip(self.variables, values, strict=True):
            variable.set(value)
        return params

    def restore(self) -> None:
        """Put back the variables themselves."""
        for variable in self.variables:
            variable.set(variable.value)


def variables(function: Any, seen: set[int]) -> Iterator[Variable]:
    """What a function refers to, and what the functions that it refers to do."""
    function = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    space = function.__globals__
    names = {name for code in codes(function.__code__) for name in code.co_names if name in space}
    found = [Variable(space[name], lambda value, name=name: space.update({name: value})) for name in sorted(names)]
    for cell in function.__closure__ or ():
        try:
            found.append(Variable(cell.cell_contents, lambda value, cell=cell: setattr(cell, "cell_contents", value)))
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


def is_copyable(value: Any) -> bool:
    """Whether a value may be state: it can be copied, and is no huge table of data."""
    if isinstance(value, NOT_DATA) or callable(value) or (isinstance(value, np.ndarray) and value.size > LARGE):
        return False
    try:
        deepcopy(value)
    except Exception:  # locks, files, connections: whatever refuses is no state of a network
        return False
    return True
