"""Somebody's own network, of which only three functions are known, and some samples of a batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.code import Code, Parameters

Params: TypeAlias = Sequence[Array] | Mapping[str, Array]

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

    def __init__(
        self,
        forward: Callable[[Any, Array], Any],
        loss: Callable[[Any, Array, Array], Any],
        gradient: Callable[[Any, Array, Array], Any],
        params: Params,
        x: Array,
        y: Array,
    ) -> None:
        self.functions: dict[str, Callable[..., Any]] = {"forward": forward, "loss": loss, "gradient": gradient}
        self.keys = list(params) if isinstance(params, Mapping) else None
        values = params.values() if isinstance(params, Mapping) else params
        self.params: Parameters = [np.array(value, np.float64) for value in values]
        self.axis, self.axis_of_labels, self.classes = layout(np.asarray(self.call("forward", self.params, x)), x, y)
        self.x, self.y = x.astype(np.float64), y
        self.x, self.y = self.samples(np.linspace(0, self.images - 1, min(self.images, SAMPLES)).astype(int))
        self.code = Code(self.probabilities, self.loss, self.gradient)

    @property
    def images(self) -> int:
        """How many samples there are."""
        return int(self.x.shape[self.axis])

    def samples(self, places: Array) -> tuple[Array, Array]:
        """The samples at some places, as a batch of their own."""
        return np.take(self.x, places, self.axis), np.take(self.y, places, self.axis_of_labels)

    def call(self, name: str, params: Parameters, *batch: Array) -> Any:
        """What a function gives, for copies. Raises UnfitError where it raises anything."""
        copies = [value.copy() for value in params]
        like_theirs = copies if self.keys is None else dict(zip(self.keys, copies, strict=True))
        try:
            return self.functions[name](like_theirs, *(array.copy() for array in batch))
        except Exception as error:
            shapes = ", ".join(str(array.shape) for array in batch)
            said = f"{name} raises {type(error).__name__}: {error} (for a batch of {shapes})."
            raise UnfitError("shapes", "raises", said, "Mend that first: nothing else can be checked.") from error

    def probabilities(self, params: Parameters, x: Array) -> Array:
        """The probabilities, a row for each sample."""
        p: Array = np.asarray(self.call("forward", params, x), np.float64)
        return p if self.axis == 0 else p.T

    def loss(self, params: Parameters, x: Array, y: Array) -> float:
        """The loss."""
        return float(np.asarray(self.call("loss", params, x, y)).item())

    def gradient(self, params: Parameters, x: Array, y: Array) -> Parameters:
        """The gradient, an array for each parameter."""
        found = self.call("gradient", params, x, y)
        values = list(found) if self.keys is None else [found[key] for key in self.keys]
        return [np.asarray(value, np.float64) for value in values]

    def name(self, place: int) -> str:
        """A parameter as one would type it."""
        return f"params[{place if self.keys is None else repr(self.keys[place])}]"


def layout(probabilities: Array, x: Array, y: Array) -> tuple[int, int, int]:
    """The axis of x along which samples lie, that of the labels, and how many classes there are.

    Raises UnfitError where the shapes don't belong together.
    """
    for axis in (0, 1):
        if x.ndim == probabilities.ndim == 2 and x.shape[axis] == probabilities.shape[axis]:
            # Class numbers may be a column or a row of their own; one-hot ones lie as the probabilities do.
            for axis_of_labels in [axis, 1 - axis] if 1 in y.shape else [axis] if y.ndim == 2 else [0]:
                if y.shape[axis_of_labels] == x.shape[axis]:
                    return axis, axis_of_labels, probabilities.shape[1 - axis]
    said = f"x {x.shape}, y {y.shape} and the probabilities {probabilities.shape} don't belong together."
    advice = "x should be (m, d) and the probabilities (m, C), or (d, m) and (C, m); y (m,), or one-hot as they are."
    raise UnfitError("shapes", "shapes", said, advice)
