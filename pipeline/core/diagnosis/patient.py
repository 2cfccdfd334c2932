"""Somebody's own network, of which only three functions are known, and some samples of a batch."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from pipeline.core.arrays import Array, spread
from pipeline.core.diagnosis.code import Code, Parameters

SAMPLES = 32  # of a batch, at most: several of each class, and few enough to be learned by heart


class Finding(NamedTuple):
    """What one check found."""

    check: str
    problem: str | None  # its name; None where all is well
    said: str
    advice: str = ""


class UnfitError(Exception):
    """A finding that makes all further checks meaningless."""

    def __init__(self, *finding: str) -> None:
        super().__init__(*finding)
        self.finding = Finding(*finding)


class Patient:
    """The functions, made to take and give lists of float64 arrays, samples in rows."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]], params: Any, x: Any, y: Any) -> None:
        self.functions = functions  # forward, loss and gradient
        self.container = params
        self.names = [name for name, _ in leaves(params, "params")]
        self.params: Parameters = [as_numbers(value, name) for name, value in leaves(params, "params")]
        self.x, self.y = as_numbers(x, "x"), as_numbers(y, "y")
        p = as_numbers(
            self.call("forward", self.params, self.x, self.y), "what forward gives", "the probabilities alone"
        )
        self.axis, self.axis_of_labels, self.classes = layout(p, self.x, self.y)
        self.x, self.y = self.samples(spread(self.images, SAMPLES))
        self.code = Code(self.probabilities, self.loss, self.gradient)

    @property
    def images(self) -> int:
        """How many samples there are."""
        return int(self.x.shape[self.axis])

    def samples(self, places: Array) -> tuple[Array, Array]:
        """The samples at some places, as a batch of their own."""
        return np.take(self.x, places, self.axis), np.take(self.y, places, self.axis_of_labels)

    def call(self, name: str, params: Parameters, x: Array, y: Array) -> Any:
        """What a function gives, for copies. Raises UnfitError where it raises anything."""
        batch = [x.copy()] if name == "forward" else [x.copy(), as_given(y)]
        try:
            return self.functions[name](rebuilt(self.container, [value.copy() for value in params]), *batch)
        except (Exception, SystemExit) as error:
            shapes = ", ".join(str(array.shape) for array in batch)
            said = f"{name} raises {type(error).__name__}: {error} (for a batch of {shapes})."
            raise UnfitError("shapes", "raises", said, "Mend that first: nothing else can be checked.") from error

    def probabilities(self, params: Parameters, x: Array) -> Array:
        """The probabilities, a row for each sample."""
        p = as_numbers(self.call("forward", params, x, self.y), "what forward gives", "the probabilities alone")
        return p if self.axis == 0 else p.T

    def loss(self, params: Parameters, x: Array, y: Array) -> float:
        """The loss."""
        found = as_numbers(self.call("loss", params, x, y), "what loss gives", "one number")
        if found.size != 1:
            said = f"the loss of {x.shape[self.axis]} samples is {found.size} numbers, and should be one."
            advice = BROADCAST if found.size == x.shape[self.axis] ** 2 else "Take the mean over the samples."
            raise UnfitError("shapes", "loss_not_a_number", said, advice)
        return float(found.item())

    def gradient(self, params: Parameters, x: Array, y: Array) -> Parameters:
        """The gradient, an array for each parameter; in a dictionary, by the parameters' names or in their order."""
        found = self.call("gradient", params, x, y)
        if isinstance(found, Mapping) and isinstance(self.container, Mapping) and found.keys() == self.container.keys():
            found = {key: found[key] for key in self.container}
        slopes = [as_numbers(value, name) for name, value in leaves(found, "the gradient")]
        if len(slopes) != len(params):
            said = f"there are {len(params)} parameters, but {len(slopes)} gradients."
            raise UnfitError("shapes", "gradient_shape", said, "Return an array for each parameter, and nothing else.")
        for name, value, slope in zip(self.names, params, slopes, strict=True):
            if value.shape != slope.shape:
                said = f"{name} is {value.shape}, but its gradient {slope.shape}."
                advice = "An update would broadcast, or fail. Sum over the samples, with keepdims=True for a (1, n)."
                raise UnfitError("shapes", "gradient_shape", said, advice)
        return slopes


BROADCAST = (
    "y is a column: beside an array (m,) it broadcasts to (m, m), which compares every sample with every label. Take "
    "`y.ravel()`."
)


def leaves(container: Any, name: str) -> list[tuple[str, Any]]:
    """The values in lists, tuples and dictionaries, however nested, each with the name that one types for it."""
    if isinstance(container, Mapping):
        return [leaf for key, value in container.items() for leaf in leaves(value, f"{name}[{key!r}]")]
    if isinstance(container, list | tuple):
        return [leaf for place, value in enumerate(container) for leaf in leaves(value, f"{name}[{place}]")]
    return [(name, container)]


def rebuilt(container: Any, values: list[Array]) -> Any:
    """Other values in the same lists, tuples and dictionaries. Takes them off the list."""
    if isinstance(container, Mapping):
        return {key: rebuilt(value, values) for key, value in container.items()}
    if isinstance(container, list | tuple):
        items = [rebuilt(value, values) for value in container]
        return type(container)(*items) if hasattr(container, "_fields") else type(container)(items)
    return values.pop(0)


def as_numbers(value: Any, name: str, expected: str = "an array of numbers") -> Array:
    """A value as a float64 array. Raises UnfitError for anything else, and for an empty one."""
    try:
        if value is None or isinstance(value, tuple):
            raise TypeError(f"it is {'None' if value is None else 'a tuple'}")
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError) as error:
        said = f"{name} should be {expected}, but {error}."
        raise UnfitError("shapes", "no_numbers", said, "Hand over arrays, layer by layer.") from None
    if numbers.size == 0:
        raise UnfitError("shapes", "no_numbers", f"{name} is empty.", "Take a batch of some tens of samples.")
    return numbers


def as_given(y: Array) -> Array:
    """A copy of labels as people have them, whole numbers, by which one can index."""
    return y.astype(np.int64) if np.array_equal(y, np.trunc(y)) else y.copy()


def layout(probabilities: Array, x: Array, y: Array) -> tuple[int, int, int]:
    """The axis of x along which samples lie, that of the labels, and how many classes there are.

    Where both axes would do, samples lie along the longer one. Raises UnfitError where shapes don't belong together.
    """
    if x.ndim == probabilities.ndim == 2 and y.ndim in (1, 2):
        for axis in sorted((0, 1), key=lambda axis: -x.shape[axis]):
            # Class numbers may be a column or a row of their own; one-hot ones lie as the probabilities do.
            axes_of_labels = [0] if y.ndim == 1 else [axis, 1 - axis] if 1 in y.shape else [axis]
            for axis_of_labels in axes_of_labels:
                if x.shape[axis] == probabilities.shape[axis] == y.shape[axis_of_labels]:
                    return axis, axis_of_labels, probabilities.shape[1 - axis]
    said = f"x {x.shape}, y {y.shape} and the probabilities {probabilities.shape} don't belong together."
    advice = "x should be (m, d) and the probabilities (m, C), or (d, m) and (C, m); y (m,), or one-hot as they are."
    raise UnfitError("shapes", "shapes", said, advice)
