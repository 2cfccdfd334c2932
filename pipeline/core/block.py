"""K networks' pass over one block of images: the mathematics of `network.loss_and_gradient`, made to be fast.

- A block is small enough for the processor's cache, and all K networks go over it before the next one comes.
- Arrays are features first, (K, units, images): then the softmax runs along the images.
- Nothing is allocated: every array stands in a workspace and is used again for the next block.
- There is no one-hot array: an index finds what stands at each image's label, a slice where all have the same.
"""

from dataclasses import dataclass
from math import prod
from threading import local

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.labels import Labels
from pipeline.core.products import back, forward, way
from pipeline.core.stack import Stack, each_in_one_piece


class Workspace(local):
    """Arrays to be written over. They go from block to block, but not from thread to thread: each has its own."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.buffers: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int, dtype: str | None = None) -> Array:
        """An array of this shape with whatever was left in it; its memory is that of the last one of this name."""
        size = prod(shape)
        if name not in self.buffers or self.buffers[name].size < size:
            self.buffers[name] = np.empty(size, dtype or self.dtype)
        return self.buffers[name][:size].reshape(shape)


@dataclass
class Sums:
    """What the blocks add up to, for each of K networks."""

    loss: NDArray[np.float64]
    right: NDArray[np.int64]
    gradient: Stack

    @classmethod
    def zero(cls, stacked: Stack) -> "Sums":
        """Nothing yet."""
        networks = stacked[0].shape[1]
        return cls(np.zeros(networks), np.zeros(networks, np.int64), [np.zeros_like(table) for table in stacked])

    def add(self, other: "Sums") -> None:
        """Add the sums over other blocks."""
        self.loss += other.loss
        self.right += other.right
        for mine, theirs in zip(self.gradient, other.gradient, strict=True):
            mine += theirs


def logits_of(inputs: Array, first: Array, others: Stack, work: Workspace) -> tuple[list[Array], Array]:
    """The outputs (K, units, m) of the hidden layers, and the logits (K, C, m), for the inputs (c, m) of m images.

    `first` (c, K, H) are the first layer's weights for these inputs, of which the constant 1 is one.
    """
    _, networks, units = first.shape
    images = inputs.shape[1]
    values = work("hidden 0", networks, units, images)
    forward(first, inputs, values, way(networks, units, *inputs.shape, work.dtype).forward)
    hidden = []
    for depth, table in enumerate(others, start=1):
        hidden.append(np.maximum(values, 0, out=values))
        values = work(f"hidden {depth}", networks, table.shape[2], images)
        np.matmul(each_in_one_piece(table[1:]).swapaxes(1, 2), hidden[-1], out=values)
        values += table[0, :, :, np.newaxis]
    return hidden, values


def probabilities_and_score(logits: Array, labels: Labels, sums: Sums, work: Workspace) -> Array:
    """The softmax of the logits (K, C, m), in their place; adds the loss and the right answers to the sums."""
    logits -= logits.max(axis=1, keepdims=True)
    of_label = work("of label", *logits[:, 0].shape)
    of_label[...] = logits[labels.place]
    sums.right += right_answers(logits, of_label, labels)
    probabilities = np.exp(logits, out=logits)
    total = probabilities.sum(axis=1)
    sums.loss += (np.log(total) - of_label).sum(axis=1, dtype=np.float64)
    probabilities /= total[:, np.newaxis]
    return probabilities


def right_answers(logits: Array, of_label: Array, labels: Labels) -> NDArray[np.int64]:
    """How many images each network tells right, (K,), from logits (K, C, m) of which the largest is 0 for each image.

    Of equal logits the first is the answer, as it is for argmax, which is slow and so only asked where there are some.
    """
    right = of_label == 0
    for k, largest in enumerate(logits == 0):
        if np.count_nonzero(largest) > len(labels.values):
            right[k] = logits[k].argmax(axis=0) == labels.values
    return np.array([np.count_nonzero(each) for each in right])  # which is faster than with an axis


def score(inputs: Array, labels: Labels, first: Array, others: Stack, sums: Sums, work: Workspace) -> None:
    """Add a block's loss and right answers to the sums."""
    _, logits = logits_of(inputs, first, others, work)
    probabilities_and_score(logits, labels, sums, work)


def score_and_slope(inputs: Array, labels: Labels, first: Array, others: Stack, sums: Sums, work: Workspace) -> Array:
    """The same, and the gradient: that of `others` is added to the sums, that of `first` (c, K, H) is returned."""
    hidden, logits = logits_of(inputs, first, others, work)
    delta = probabilities_and_score(logits, labels, sums, work)
    delta[labels.place] -= 1
    for depth in reversed(range(len(others))):
        table, slope, values = others[depth], sums.gradient[1 + depth], hidden[depth]
        slope[1:] += np.matmul(values, delta.swapaxes(1, 2)).swapaxes(0, 1)
        slope[0] += delta.sum(axis=2)
        delta = np.matmul(each_in_one_piece(table[1:]), delta, out=work(f"delta {depth}", *values.shape))
        delta *= np.greater(values, 0, out=work("is on", *values.shape, dtype="bool"))
    slope_of_first = work("slope", *first.shape)
    networks, units = first.shape[1:]
    back(inputs, delta, slope_of_first, way(networks, units, *inputs.shape, work.dtype).back)
    return slope_of_first
