"""The readable network in float64, with a bound for how far the engine may be from each of its numbers.

This is running error analysis (N. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.3): each
operation returns a bound for the error of its result, given those of its operands and the rounding of its own. A ReLU
or a prediction that is nearer to its edge than its bound may go either way.
"""

from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.fast.exact import LEAST_EXPONENT, digits_of_first_layer, digits_of_layer
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.fast.staircase import IMAGES_IN_A_BLOCK
from pipeline.core.network import accuracy, cross_entropy, log_softmax

OF_EXP = 1e-9  # relative error of the portable exp, with room to spare
ALMOST_0 = 1e-300  # the portable exp of very negative numbers


class Near(NamedTuple):
    """Numbers, and bounds for the absolute errors of the engine's."""

    value: Array
    error: Array

    @property
    def size(self):
        """The largest absolute values that the engine's numbers can have."""
        return np.abs(self.value) + self.error

    @property
    def transposed(self):
        return Near(self.value.T, self.error.T)

    def holds(self, found):
        """Whether numbers are within the bounds."""
        return bool((np.abs(found - self.value) <= self.error).all())


class Within(NamedTuple):
    """What a pass of the engine may return."""

    loss: Near
    accuracy: Near
    gradient: list[tuple[Near, Near]]  # of each layer's weights and bias


class Rounding:
    """The rounding errors of a precision, and those of the float64 that it is compared with."""

    def __init__(self, precision):
        self.is_portable = precision == "portable"
        numbers = np.finfo(ARITHMETIC[precision].dtype)
        self.unit, self.least = float(numbers.eps), float(numbers.smallest_normal)
        self.of_functions = OF_EXP if self.is_portable else 8 * self.unit

    def of_sum(self, sizes, terms):
        """The error of a sum of `terms` terms, whose sizes add up to `sizes`."""
        return (2 * terms + 6) * self.unit * sizes + terms * self.least

    def to_digits(self, near, digits, bound):
        """As rounded for an exact product, to a number of digits below a bound."""
        if not self.is_portable:
            return near
        return Near(near.value, near.error + 2.0**-digits * np.maximum(2 * bound, 2.0**LEAST_EXPONENT))

    def product(self, left, right):
        error = left.size @ right.error + left.error @ np.abs(right.value)
        return Near(left.value @ right.value, error + self.of_sum(left.size @ right.size, len(right.value)))

    def plus(self, left, right):
        return Near(left.value + right.value, left.error + right.error + self.of_sum(left.size + right.size, 1))

    def total(self, near):
        """The sum over the samples."""
        sizes = near.size.sum(axis=0)
        return Near(near.value.sum(axis=0), near.error.sum(axis=0) + self.of_sum(sizes, len(near.value)))

    def times(self, near, factor):
        return Near(near.value * factor, near.error * np.abs(factor) + self.of_sum(near.size * np.abs(factor), 1))


def exactly(network):
    """A network without errors."""
    return [tuple(Near(values.astype(float), np.zeros(values.shape)) for values in layer) for layer in network]


def updated(network, gradient, alpha, rounding):
    """The network after one step down the gradient."""
    return [
        tuple(rounding.plus(values, rounding.times(slope, -alpha)) for values, slope in zip(*layers, strict=True))
        for layers in zip(network, gradient, strict=True)
    ]


def loss_and_gradient(network, images, affine, reduction, precision, at_once=IMAGES_IN_A_BLOCK):
    """A pass over images (pixels, labels) of a network of `Near` parameters, in blocks of at most `at_once` images."""
    (pixels, labels), rounding = images, Rounding(precision)
    first, upper = FirstLayer(pixels, affine, rounding, at_once), network[1:]
    digits = [digits_of_layer(*weights.value.shape, at_once) for weights, _ in upper]
    rounded = [
        rounding.to_digits(weights, of_it.weights, weights.size.max())
        for (weights, _), of_it in zip(upper, digits, strict=True)
    ]

    sums, values = [first.forward(*network[0])], []
    for (_, bias), weights, of_it in zip(upper, rounded, digits, strict=True):
        on = Near(np.maximum(sums[-1].value, 0), sums[-1].error)
        values.append(rounding.to_digits(on, of_it.values, on.size.max()))
        sums.append(rounding.plus(rounding.product(values[-1], weights), bias))
    loss, right, delta = softmax(sums.pop(), labels, rounding)

    gradient, bound = [], 1.0
    for depth in reversed(range(len(upper))):
        delta = rounding.to_digits(delta, digits[depth].slopes, bound)
        gradient.insert(0, (rounding.product(values[depth].transposed, delta), rounding.total(delta)))
        delta = through_relu(rounding.product(delta, rounded[depth].transposed), sums[depth])
        bound = 2 * rounded[depth].size.max() if depth == len(upper) - 1 else delta.size.max()
    gradient.insert(0, first.backward(rounding.to_digits(delta, first.digits.slopes, bound)))
    factor = 1 / len(labels) if reduction == "mean" else 1.0
    return Within(loss, right, [tuple(rounding.times(values, factor) for values in layer) for layer in gradient])


class FirstLayer:
    """The first layer, into which the engine folds the normalisation."""

    def __init__(self, pixels, affine, rounding, at_once):
        self.x, self.pixels, self.rounding = affine.apply(pixels, "float64"), pixels.astype(float), rounding
        shift, scale = (np.broadcast_to(values, pixels.shape[1]) for values in affine)
        self.shift, self.inverse = shift[:, np.newaxis], 1 / scale[:, np.newaxis]
        self.digits = digits_of_first_layer(1 + pixels.shape[1], at_once)

    def forward(self, weights, bias):
        rounding, terms = self.rounding, len(self.shift) + 2
        folded = rounding.times(weights, self.inverse)
        folded = rounding.to_digits(folded, self.digits.weights, folded.size.max())
        sizes = bias.size + self.shift.T @ folded.size
        constant = Near(sizes, bias.error + self.shift.T @ folded.error + rounding.of_sum(sizes, terms))
        bound = max(folded.size.max(), constant.size.max())
        folded, constant = (rounding.to_digits(near, self.digits.weights, bound) for near in (folded, constant))
        error = self.pixels @ folded.error + constant.error
        error += rounding.of_sum(self.pixels @ folded.size + constant.size, terms)
        return Near(self.x @ weights.value + bias.value, error)

    def backward(self, delta):
        sizes, error = (self.pixels.T @ of_it + self.shift * of_it.sum(axis=0) for of_it in (delta.size, delta.error))
        error = (error + self.rounding.of_sum(sizes, len(self.pixels) + 2)) * self.inverse
        return Near(self.x.T @ delta.value, error), self.rounding.total(delta)


def softmax(logits, labels, rounding):
    """The loss, the accuracy, and the slopes at the logits (n, C) of the summed loss."""
    samples, classes = logits.value.shape
    own = rounding.of_functions + rounding.of_sum(1.0, classes)
    shift = 2 * logits.error.max(axis=1) + 4 * rounding.unit * logits.size.max(axis=1) + own
    logs = log_softmax(logits.value)
    loss = cross_entropy(logs, labels)
    error = shift.mean() + rounding.of_sum(np.abs(logs[np.arange(samples), labels]).mean() + own, samples)

    two_best = np.sort(logits.value, axis=1)[:, -2:]
    is_close = two_best[:, -1] - two_best[:, 0] <= shift
    probabilities = np.exp(logs)
    delta = probabilities.copy()
    delta[np.arange(samples), labels] -= 1
    relative = np.expm1(np.minimum(shift, 1))[:, np.newaxis]
    errors = np.where(shift[:, np.newaxis] < 1, probabilities * relative + rounding.unit + ALMOST_0, 1.0)
    return (
        Near(np.array(loss), error),
        Near(np.array(accuracy(logs, labels)), is_close.mean() + rounding.unit),
        Near(delta, errors),
    )


def through_relu(delta, sums):
    """The slopes behind a ReLU, which is on for some sums, off for others, and either for those close to 0."""
    is_close = np.abs(sums.value) <= sums.error
    is_on = sums.value > 0
    return Near(delta.value * is_on, np.where(is_close, delta.size, delta.error * is_on))
