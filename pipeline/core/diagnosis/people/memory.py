"""State that functions keep between calls, apart from their arguments: variables, and random number generators."""

import random
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from pipeline.core.diagnosis.people.leaves import NOT_DATA, children

LARGE = 10_000_000  # numbers in an array that must be data, not state
SKIPPED = 101  # random numbers: after fewer, a shuffle that rejects some draws might come out the same


class Variable(NamedTuple):
    """A variable that a function uses, and how to set it."""

    value: Any
    set: Callable[[Any], None]


class Memory:
    """The variables that functions use. Trials work on copies; in the end, everything is restored."""

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        seen: set[int] = set()
        found = [variable for function in functions for variable in variables(function, seen)]
        self.variables = [variable for variable in found if is_copyable(variable.value)]
        self.shared: dict[int, Any] = {}  # objects that can't be copied: locks, files
        self.numpy, self.python = np.random.get_state(), random.getstate()  # noqa: NPY002  # scripts may use the old one

    def fresh_copy(self, params: Any, reseed: int = 0) -> Any:
        """Set every variable to a fresh copy, and return a copy of the parameters. Aliases stay aliases.

        Random numbers start from the saved state, or from a different one if `reseed` is not 0.
        """
        originals = (params, [variable.value for variable in self.variables])
        try:
            params, values = deepcopy(originals, dict(self.shared))
        except Exception:  # raised by something that can't be copied
            self.shared = {id(one): one for one in uncopyable(originals, set())}
            params, values = deepcopy(originals, dict(self.shared))
        for variable, value in zip(self.variables, values, strict=True):
            variable.set(value)
        self.restore_random()
        if reseed:
            np.random.seed(reseed)  # noqa: NPY002
            random.seed(reseed)
            for generator in generators((params, values), set()):
                generator.random(SKIPPED * reseed)
        return params

    def restore(self) -> None:
        """Restore the original variables."""
        for variable in self.variables:
            variable.set(variable.value)
        self.restore_random()

    def restore_random(self) -> None:
        """Restore the state of NumPy's and Python's global random number generators."""
        np.random.set_state(self.numpy)  # noqa: NPY002
        random.setstate(self.python)


def variables(function: Any, seen: set[int]) -> Iterator[Variable]:
    """The variables that a function uses, directly or through other functions."""
    if id(function) in seen:
        return
    seen.add(id(function))
    if isinstance(function, partial):
        yield Variable((function.args, function.keywords), partial(restore_arguments, function))
        yield from variables(function.func, seen)
    elif isinstance(function, MethodType):
        yield from variables_of_owner(function.__self__, seen)
        yield from variables(function.__func__, seen)
    elif isinstance(function, FunctionType):
        for variable in variables_of_function(function):
            if isinstance(variable.value, FunctionType | MethodType | partial):
                yield from variables(variable.value, seen)
            else:
                yield variable
    elif callable(function) and not isinstance(function, NOT_DATA):
        yield from variables_of_owner(function, seen)


def restore_arguments(function: "partial[Any]", arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    """Set the arguments of a partial function."""
    function.__setstate__((function.func, *arguments, vars(function)))  # type: ignore[attr-defined]


def variables_of_owner(owner: Any, seen: set[int]) -> Iterator[Variable]:
    """The attributes of an object whose methods are called, and the variables that its methods use."""
    if hasattr(owner, "__dict__") and not isinstance(owner, NOT_DATA) and id(vars(owner)) not in seen:
        seen.add(id(vars(owner)))
        yield Variable(dict(vars(owner)), partial(set_attributes, owner))
    for method in vars(type(owner)).values():
        yield from variables(method, seen) if isinstance(method, FunctionType) else ()


def set_attributes(owner: Any, values: dict[str, Any]) -> None:
    """Give an object exactly these attributes."""
    vars(owner).clear()
    vars(owner).update(values)


def variables_of_function(function: FunctionType) -> Iterator[Variable]:
    """A function's variables: globals, closure cells, default arguments and attributes."""
    space = function.__globals__
    names = {name for code in codes(function.__code__) for name in code.co_names if name in space}
    yield from (Variable(space[name], partial(space.__setitem__, name)) for name in sorted(names))
    for cell in function.__closure__ or ():
        try:
            yield Variable(cell.cell_contents, partial(setattr, cell, "cell_contents"))
        except ValueError:  # the cell is still empty
            continue
    if function.__defaults__:
        yield Variable(function.__defaults__, partial(setattr, function, "__defaults__"))
    if vars(function):
        yield Variable(dict(vars(function)), partial(set_attributes, function))


def codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code object, and those of the functions inside it."""
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
    """The innermost objects in a container that can't be copied."""
    if id(value) in seen:
        return
    seen.add(id(value))
    inner = [found for _, one in children(value) for found in uncopyable(one, seen)]
    yield from inner
    if not inner and not callable(value) and not is_copyable(value):
        yield value


def is_copyable(value: Any) -> bool:
    """Whether a value may be state: it can be copied, and is not a huge array of data."""
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return True
    if isinstance(value, NOT_DATA) or callable(value) or (isinstance(value, np.ndarray) and value.size > LARGE):
        return False
    try:
        deepcopy(value)
    except Exception:  # locks, files, connections: nothing of this kind is the state of a network
        return False
    return True
