"""The numbers inside a container of parameters: nested lists, tuples, dictionaries and objects.

The same container can be viewed in several ways. A list of numbers may be one array, or several scalar parameters. A
list of neurons may be one layer, and one long vector may hold all layers, unrolled.
"""

from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Array

DEPTH = 6  # of containers in containers
NOT_DATA = (type, ModuleType, FunctionType, MethodType, BuiltinFunctionType, np.random.Generator, np.random.RandomState)
View: TypeAlias = Literal["lists are arrays", "lists are containers", "lists of neurons are layers"]
ORDERS: tuple[Literal["C", "F"], ...] = ("C", "F")
VIEWS: tuple[View, ...] = ("lists are arrays", "lists are containers", "lists of neurons are layers")


class Each(NamedTuple):
    """Path element: an attribute of every object in a list, stacked."""

    attribute: str


class Part(NamedTuple):
    """Path element: part of a vector, with its own shape."""

    start: int
    shape: tuple[int, ...]
    order: Literal["C", "F"]

    @property
    def stop(self) -> int:
        """The index after its last number."""
        return self.start + int(np.prod(self.shape))


class Leaf(NamedTuple):
    """The location of a number or an array in a container."""

    path: tuple[Any, ...]  # keys, indices and attribute names, outermost first
    name: str  # as a person would write it

    def value(self, container: Any) -> Array:
        """The present value, as floats."""
        return np.asarray(self.raw(container), dtype=np.float64)

    def raw(self, container: Any) -> Any:
        """The present value, as it is."""
        for key in self.path:
            container = child(container, key)
        return container

    def put(self, container: Any, value: Array) -> Any:
        """The container with new numbers here, changed in place if possible, so that aliases see them too."""
        return replaced(container, self.path, value)

    def part(self, part: Part, name: str) -> "Leaf":
        """A part of this vector."""
        return Leaf((*self.path, part), f"{name} in {self.name}")


def leaves(container: Any, view: View) -> list[Leaf]:
    """All numbers and arrays of numbers, in order, each array only once."""
    return [Leaf(path, named(path)) for path in walk(container, (), set(), view)]


def walk(value: Any, path: tuple[Any, ...], seen: set[int], view: View) -> Iterator[tuple[Any, ...]]:
    """The path of each number or array."""
    if is_numeric(value, view):
        if not isinstance(value, np.ndarray | list) or id(value) not in seen:
            seen.add(id(value))
            yield path
        return
    if id(value) in seen or len(path) > DEPTH:
        return
    seen.add(id(value))
    if view == "lists of neurons are layers" and (attributes := of_neurons(value)):
        yield from ((*path, Each(attribute)) for attribute in attributes)
        return
    for key, inner in children(value):
        yield from walk(inner, (*path, key), seen, view)


def is_numeric(value: Any, view: View = "lists are arrays") -> bool:
    """Whether a value is a number or an array of numbers."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiu" and value.size > 0
    if isinstance(value, list) and value and view != "lists are containers":
        return is_table(value)
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_table(value: list[Any]) -> bool:
    """Whether nested lists hold only plain numbers, and have equal lengths."""
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
        return True
    is_nested = all(isinstance(one, list) and one and is_table(one) for one in value)
    return is_nested and len({len(one) for one in value}) == 1


def of_neurons(value: Any) -> list[str]:
    """The attributes that hold equally many numbers in every object of a list; none if the objects differ in type."""
    if not isinstance(value, list) or not value or not all(hasattr(one, "__dict__") for one in value):
        return []
    if len({type(one) for one in value}) > 1 or isinstance(value[0], NOT_DATA):
        return []
    found = []
    for name in vars(value[0]):
        values = [vars(one).get(name) for one in value]
        if all(is_numeric(one) for one in values) and len({np.asarray(one).shape for one in values}) == 1:
            found.append(name)
    return found


def children(value: Any) -> list[tuple[Any, Any]]:
    """The contents of a container, with their keys, indices or attribute names."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1):
        return list(enumerate(value))
    if isinstance(value, NOT_DATA) or not hasattr(value, "__dict__"):
        return []
    return list(vars(value).items())


def child(container: Any, key: Any) -> Any:
    """The value under a key."""
    if isinstance(key, Each):
        return np.stack([np.asarray(vars(one)[key.attribute], dtype=np.float64) for one in container])
    if isinstance(key, Part):
        return np.ravel(container)[key.start : key.stop].reshape(key.shape, order=key.order)
    return container[key] if is_indexed(container) else vars(container)[key]


def is_indexed(container: Any) -> bool:
    """Whether a container is accessed by key or index, rather than by attribute."""
    return isinstance(container, dict | list | tuple | np.ndarray)


def replaced(container: Any, path: tuple[Any, ...], value: Array) -> Any:
    """The container with a new value at the end of the path."""
    if not path:
        return put_into(container, value)
    key, *rest = path
    if isinstance(key, Each):
        for one, numbers in zip(container, value, strict=True):
            replaced(one, (key.attribute,), numbers)
        return container
    if isinstance(key, Part):
        whole = np.ravel(container).astype(np.float64)
        whole[key.start : key.stop] = value.ravel(order=key.order)
        return put_into(container, whole.reshape(np.shape(container)))
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
    """The new value, in the old array or lists if these can hold it."""
    if isinstance(old, np.ndarray) and old.dtype.kind == "f" and old.flags.writeable and old.shape == value.shape:
        old[...] = value
        return old
    if isinstance(old, list):
        old[:] = [put_into(one, number) for one, number in zip(old, value, strict=True)]
        return old
    return value.copy() if isinstance(old, np.ndarray) else float(value)


def named(path: tuple[Any, ...]) -> str:
    """`W1`, `params[0]`, `layers[0].weights`."""
    name = "" if path and isinstance(path[0], str) else "params"
    for key in path:
        if isinstance(key, Each):
            name += f"[:].{key.attribute}"
        else:
            is_word = isinstance(key, str) and key.isidentifier()
            name += (f".{key}" if name else key) if is_word else f"[{key!r}]"
    return name


def unrolled(vector: Leaf, size: int, inputs: int, outputs: int) -> Iterator[list[Leaf]]:
    """The ways in which a vector can hold two layers: layer by layer, or all weights first."""
    for units in range(1, 1 + size // max(inputs, 1)):
        if (inputs + 1) * units + (units + 1) * outputs != size:
            continue
        for order in ORDERS:
            for is_transposed in (True, False):
                first, second = ((inputs + 1, units), (units + 1, outputs))
                shapes: list[tuple[int, ...]] = [shape[::-1] if is_transposed else shape for shape in (first, second)]
                yield parts_of(vector, shapes, order)
                first, second = ((inputs, units), (units, outputs))
                tables = [shape[::-1] if is_transposed else shape for shape in (first, second)]
                yield parts_of(vector, [tables[0], (units,), tables[1], (outputs,)], order)
                yield parts_of(vector, [*tables, (units,), (outputs,)], order)


def parts_of(vector: Leaf, shapes: list[tuple[int, ...]], order: Literal["C", "F"]) -> list[Leaf]:
    """A vector split into consecutive parts of these shapes."""
    found, start = [], 0
    for number, shape in enumerate(shapes, start=1):
        part = Part(start, shape, order)
        found.append(vector.part(part, f"part {number}"))
        start = part.stop
    return found


def repeated(container: Any, seen: set[int]) -> int:
    """The largest number of times that an object occurs in the same list."""
    if id(container) in seen or is_numeric(container):
        return 1
    seen.add(id(container))
    most = 1
    inner = [one for _, one in children(container)]
    if isinstance(container, list):
        objects = [id(one) for one in inner if hasattr(one, "__dict__") or isinstance(one, np.ndarray)]
        most = max((objects.count(one) for one in objects), default=1)
    return max([most, *(repeated(one, seen) for one in inner)])
