"""One pass of K networks over a block of images, above the first layer: a fast `network.loss_and_gradient`.

- A block fits into the processor's cache, and all K networks process it before the next one.
- Arrays have units first, (K, units, images), so that the softmax vectorises over the images.
- Large arrays live in a workspace that the next block reuses.
- There is no one-hot array: an index selects each image's label, or a slice if all labels are the same.
- The factors of each product are rounded first, which makes it exact in portable precision: see `exact`.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.fast.exact import digits_of_first_layer, digits_of_layer, highest, largest
from pipeline.core.fast.labels import Labels
from pipeline.core.fast.precision import Arithmetic, Bound
from pipeline.core.fast.stack import Stack
from pipeline.core.fast.sums import Sums, right_answers
from pipeline.core.fast.workspace import Workspace


class Hidden(NamedTuple):
    """A hidden layer's outputs for a block, (K, units, m)."""

    values: Array  # rounded
    is_on: Array  # whether the ReLU is active


class UpperLayer:
    """A layer of K networks above the first one, with rounded weights."""

    def __init__(self, table: Array, images: int, arithmetic: Arithmetic) -> None:
        self.digits = digits_of_layer(len(table) - 1, table.shape[2], images)
        self.weights = table[1:].swapaxes(0, 1).copy()  # (K, inputs, outputs)
        arithmetic.round_to(self.weights, self.digits.weights, largest)
        self.transposed = self.weights.swapaxes(1, 2).copy()
        self.bias = table[0, :, :, np.newaxis]


class Networks:
    """K networks above their first layer, prepared for passes over blocks of at most `images` images.

    The caller handles the first layer: it passes in that layer's values (K, H, m) for the m images of a block, and gets
    back the gradient at them.
    """

    def __init__(
        self, stacked: Stack, images: int, arithmetic: Arithmetic, work: Workspace, with_scores: bool = True
    ) -> None:
        self.stacked = stacked
        self.upper_layers = [UpperLayer(table, images, arithmetic) for table in stacked[1:]]
        first = digits_of_first_layer(len(stacked[0]), images)
        self.slopes_below = [first.slopes, *(layer.digits.slopes for layer in self.upper_layers)]
        self.bounds_below: list[Bound] = [largest] * (len(self.upper_layers) - 1) + [lambda _: self.bound_below_logits]
        self.arithmetic, self.work, self.with_scores = arithmetic, work, with_scores

    @cached_property
    def bound_below_logits(self) -> Array:
        """A bound of the slopes below the last layer: the absolute slopes at an image's logits add up to at most 2."""
        return 2 * largest(self.upper_layers[-1].weights)

    @property
    def first(self) -> Array:
        """The first layer's table of weights and biases."""
        return self.stacked[0]

    def zero(self) -> Sums:
        """Empty sums."""
        return Sums.zero(self.stacked)

    def score(self, values: Array, labels: Labels, sums: Sums) -> None:
        """Add a block's loss and correct predictions to the sums."""
        _, logits = self.logits(values)
        self.probabilities(logits, labels, sums)

    def slope(self, values: Array, labels: Labels, sums: Sums) -> Array:
        """The same, and add the upper layers' gradient; return the gradient at the values (K, H, m), rounded."""
        hidden, logits = self.logits(values)
        delta = self.probabilities(logits, labels, sums)
        delta[labels.place] -= 1
        self.arithmetic.round_to(delta, self.slopes_below[-1], lambda _: 1.0)
        for depth in reversed(range(len(self.upper_layers))):
            slope, (values, is_on) = sums.gradient[1 + depth], hidden[depth]
            slope[1:] += np.matmul(values, delta.swapaxes(1, 2)).swapaxes(0, 1)
            slope[0] += delta.sum(axis=2)
            below = self.work(f"slope {depth}", *values.shape)
            self.arithmetic.multiply(self.upper_layers[depth].weights, delta, out=below)
            below *= is_on
            self.arithmetic.round_to(below, self.slopes_below[depth], self.bounds_below[depth])
            delta = below
        return delta

    def logits(self, values: Array) -> tuple[list[Hidden], Array]:
        """The hidden layers' outputs, and the logits (K, C, m)."""
        hidden = []
        for depth, layer in enumerate(self.upper_layers, start=1):
            np.maximum(values, np.zeros_like(values[0, 0]), out=values)  # half the time of a scalar 0
            # Before rounding, which could turn off a barely active ReLU.
            is_on = np.greater(values, 0, out=self.work(f"is on {depth}", *values.shape, dtype="bool"))
            self.arithmetic.round_to(values, layer.digits.values, highest)
            hidden.append(Hidden(values, is_on))
            above = self.work(f"values {depth}", *layer.transposed.shape[:2], values.shape[2])
            self.arithmetic.multiply(layer.transposed, values, out=above)
            above += layer.bias
            values = above
        return hidden, values

    def probabilities(self, logits: Array, labels: Labels, sums: Sums) -> Array:
        """Replace the logits (K, C, m) by their softmax, and add the scores to the sums."""
        logits -= logits.max(axis=1, keepdims=True)
        of_label = np.ascontiguousarray(logits[labels.place])
        sums.certainty += of_label.sum(axis=1, dtype=np.float64)
        if self.with_scores:
            sums.right += right_answers(logits, of_label, labels)
        self.arithmetic.exp(logits)
        totals = logits.sum(axis=1)
        if self.with_scores:
            sums.logs += self.arithmetic.log(totals).sum(axis=1, dtype=np.float64)
        logits /= totals[:, np.newaxis]
        return logits
