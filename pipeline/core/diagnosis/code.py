"""Checks of a network's code, whoever wrote it: is its softmax one, and is its gradient that of its loss?

The code is three functions of a list of parameters and a batch, in float64. Nothing is known of its inside, so every
check goes by what the functions do.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Array

Parameters: TypeAlias = list[Array]

TOLERANCE = 1e-4  # of a relative error: central differences in float64 are good to 1e-7, unless a ReLU turns on the way
STEP_SIZES = (1e-4, 1e-5, 1e-6, 1e-7)
SUM_TOLERANCE = 1e-6
SHIFT_TOLERANCE = 1e-3  # logits of 1000 leave float32 few digits, if that is what somebody's functions compute in
LARGE = 1000.0  # a logit whose `exp` is more than any float


class Code(NamedTuple):
    """A network's functions."""

    forward: Callable[[Parameters, Array], Array]  # the probabilities of a batch's samples
    loss: Callable[[Parameters, Array, Any], float]
    gradient: Callable[[Parameters, Array, Any], Parameters]


class Softmax(NamedTuple):
    """What the softmax of probabilities (m, C) does."""

    sums_over: Literal["classes", "samples", "neither"]  # which probabilities sum to 1
    overflows: bool  # though 1 more for all logits changes nothing, 1000 more does


GradientMistake: TypeAlias = Literal["sign", "scale", "relu", "product", "other"]


class Gradient(NamedTuple):
    """How the gradient compares with central differences of the loss."""

    errors: list[float]  # for each parameter, the relative error along a random direction
    mistake: GradientMistake | None  # None where it is right
    scale: float  # what the gradient is, times the true one, where that is the same for all parameters

    @property
    def worst(self) -> int:
        """The place of the parameter whose gradient is the most wrong."""
        return int(np.argmax(self.errors))


class CodeCheck(NamedTuple):
    """What a network's functions do."""

    softmax: Softmax
    gradient: Gradient
    images: int  # of the batch that they were checked on


def check_softmax(code: Code, parameters: Parameters, x: Array) -> Softmax:
    """Check the softmax; the last parameter must be the biases of the logits."""
    with np.errstate(all="ignore"):
        p = code.forward(parameters, x)
        higher = code.forward([*parameters[:-1], parameters[-1] + 1], x)
        large = code.forward([*parameters[:-1], parameters[-1] + LARGE], x)
    sums: dict[Literal["classes", "samples"], Array] = {"classes": p.sum(axis=1), "samples": p.sum(axis=0)}
    to_one = [over for over, total in sums.items() if np.abs(total - 1).max() < SUM_TOLERANCE]
    is_shift_invariant = bool(np.allclose(p, higher, rtol=0, atol=SHIFT_TOLERANCE))
    is_the_same = bool(np.allclose(p, large, rtol=0, atol=SHIFT_TOLERANCE))
    overflows = not np.isfinite(large).all() or (is_shift_invariant and not is_the_same)
    return Softmax(to_one[0] if to_one else "neither", overflows)


def check_gradient(code: Code, parameters: Parameters, x: Array, y: Any, rng: np.random.Generator) -> Gradient:
    """Compare the gradient with central differences, and say in what it differs.

    Where the weights and the biases of hidden layers alone are wrong, it is taken once more where every ReLU is on. If
    it is right there, the ReLUs' mask is what is missing; if not, something else on the way back is wrong.
    """
    slopes = directional(code, parameters, x, y, rng)
    errors = [slope.error for slope in slopes]
    if max(errors) < TOLERANCE:
        return Gradient(errors, None, 1.0)
    scales = [slope.found / slope.true for slope in slopes if slope.true]
    if scales and np.ptp(scales) < TOLERANCE * abs(scales[0]):
        return Gradient(errors, "sign" if scales[0] < 0 else "scale", float(np.mean(scales)))
    if max(errors[-2:]) > TOLERANCE or not hidden_layer_is_wrong(parameters, errors):
        return Gradient(errors, "other", 1.0)
    all_on = directional(code, with_every_unit_on(parameters, x), x, y, rng)
    without_mask = max(slope.error for slope in all_on) < TOLERANCE
    return Gradient(errors, "relu" if without_mask else "product", 1.0)


def hidden_layer_is_wrong(parameters: Parameters, errors: Sequence[float]) -> bool:
    """Whether parameters are weights, biases, weights, biases, ..., and both are wrong in the last hidden layer.

    If only one of them is, what came back to that layer was right.
    """
    weights, biases = parameters[::2], parameters[1::2]
    in_pairs = len(weights) == len(biases) > 1 and all(
        bias.size in weight.shape for weight, bias in zip(weights, biases, strict=True)
    )
    return in_pairs and min(errors[-4:-2]) > TOLERANCE


class Slope(NamedTuple):
    """The slope of the loss along a random direction."""

    found: float  # by the gradient
    true: float  # by central differences of the loss
    typical: float  # of the gradient along such directions

    @property
    def error(self) -> float:
        """The relative error: 0 if all is mere rounding, 1 if something is not finite.

        It is relative to what is typical, too: a direction may be nearly at right angles to the gradient.
        """
        if not (np.isfinite(self.found) and np.isfinite(self.true)):
            return 1.0
        return abs(self.found - self.true) / max(abs(self.found), abs(self.true), self.typical, 1e-7)


def directional(code: Code, parameters: Parameters, x: Array, y: Any, rng: np.random.Generator) -> list[Slope]:
    """For each parameter, the slope of the loss along a random direction.

    Of several step sizes the best one counts, since a ReLU may turn on or off within a step.
    """
    gradient = code.gradient(parameters, x, y)
    slopes = []
    for place, values in enumerate(parameters):
        direction = rng.standard_normal(values.shape)
        direction /= np.linalg.norm(direction)

        def moved(by: float, place: int = place, direction: Array = direction) -> float:
            there = [*parameters[:place], parameters[place] + by * direction, *parameters[place + 1 :]]
            return float(code.loss(there, x, y))

        found = float((gradient[place] * direction).sum())
        typical = float(np.linalg.norm(gradient[place])) / np.sqrt(values.size)
        size = max(1.0, float(np.linalg.norm(values)))
        differences = [(moved(step * size) - moved(-step * size)) / (2 * step * size) for step in STEP_SIZES]
        slopes.append(min((Slope(found, true, typical) for true in differences), key=lambda slope: slope.error))
    return slopes


def with_every_unit_on(parameters: Sequence[Array], x: Array) -> Parameters:
    """Parameters at which no ReLU is off, whatever sample of x comes: hidden biases of 1, and small weights.

    No sum of a unit's weights times its inputs is beyond 1/2, by the sums of its weights' sizes along either axis.
    """
    largest = float(np.abs(x).max(initial=1))
    changed: Parameters = []
    weights: tuple[int, ...] = ()  # the shape of those before, whose biases may come next
    for values in parameters[:-1]:
        if values.ndim < 2 or (min(values.shape) == 1 and values.size in weights):
            changed.append(np.ones_like(values))
            weights = ()
        else:
            reach = max(float(np.abs(values).sum(axis=axis).max()) for axis in (0, 1))
            changed.append(values * (0.5 / (reach * largest)) if reach else values)
            weights, largest = values.shape, 1.5
    return [*changed, parameters[-1]]
