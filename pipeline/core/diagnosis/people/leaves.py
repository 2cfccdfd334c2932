"""The numbers inside a container of parameters, whatever it is: lists, tuples, dictionaries, objects, all nested."""

from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from pipeline.core.arrays import Array

DEPTH = 6  # of containers in containers
NOT_DATA = (type, ModuleType, FunctionType, MethodType, BuiltinFunctionType, np.random.Generator, np.random.RandomState)


class Leaf(NamedTuple):
    """Where a number or an array is in a container."""

    path: tuple[Any, ...]  # keys, indices and attributes' names, from outside in
    name: str  # as a person would write it

    def value(self, container: Any) -> Array:
        """What is there now, as floats."""
        return np.asarray(self.raw(container), dtype=np.float64)

    def raw(self, container: Any) -> Any:
        """What is there now."""
        for key in self.path:
            container = child(container, key)
        return container

    def put(self, container: Any, value: Array) -> Any:
        """The container with other numbers there: in place where that is possible, so that aliases see them too."""
        return replaced(container, self.path, value)


def leaves(container: Any) -> list[Leaf]:
    """All numbers and arrays of numbers, each array once, in their order."""
    seen: set[int] = set()
    return [Leaf(path, named(path)) for path, _ in walk(container, (), seen)]


def walk(value: Any, path: tuple[Any, ...], seen: set[int]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each number or array with its path."""
    if is_numeric(value):
        if not isinstance(value, np.ndarray) or id(value) not in seen:
            seen.add(id(value))
            yield path, value
        return
    if id(value) in seen or len(path) > DEPTH:
        return
    seen.add(id(value))
    for key, inner in children(value):
        yield from walk(inner, (*path, key), seen)


def is_numeric(value: Any) -> bool:
    """Whether something is an array of numbers, or a number."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiu" and value.size > 0
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def children(value: Any) -> list[tuple[Any, Any]]:
    """What a container holds, with the key, index or attribute under which it does."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1):
        return list(enumerate(value))
    if isinstance(value, NOT_DATA) or not hasattr(value, "__dict__"):
        return []
    return list(vars(value).items())


def child(container: Any, key: Any) -> Any:
    """What is under a key."""
    return container[key] if is_indexed(container) else vars(container)[key]


def is_indexed(container: Any) -> bool:
    """Whether what a container holds has a key or an index, and not a name."""
    return isinstance(container, dict | list | tuple | np.ndarray)


def replaced(container: Any, path: tuple[Any, ...], value: Array) -> Any:
    """The container with something else at the end of the path."""
    if not path:
        return put_into(container, value)
    key, *rest = path
    inner = replaced(child(container, key), tuple(rest), value)
    if isinstance(container, tuple):
        items = [*container[:key], inner, *container[key + 1 :]]
        return type(container)(*items) if hasattr(container, "_fields") else type(container)(items)
    if is_indexed(container):
        container[key] = inner
    elif inner is not child(container, key):
        setattr(container, key, inner)
    return container


def put_into(old: Any, value: Array) -> Any:
    """The value in place of the old one: in the same array, if it can hold it."""
    if isinstance(old, np.ndarray) and old.dtype.kind == "f" and old.flags.writeable and old.shape == value.shape:
        old[...] = value
        return old
    return value.copy() if isinstance(old, np.ndarray) else float(value)


def named(path: tuple[Any, ...]) -> str:
    """`W1`, `params[0]`, `layers[0].weights`."""
    name = "" if path and isinstance(path[0], str) else "params"
    for key in path:
        is_word = isinstance(key, str) and key.isidentifier()
        name += (f".{key}" if name else key) if is_word else f"[{key!r}]"
    return name
