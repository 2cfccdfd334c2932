"""Gradient descent: alpha times the gradient off the parameters, again and again."""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.network import Layer, Network, Reduction, loss_and_gradient

Batch: TypeAlias = tuple[Array, Array]


class State(NamedTuple):
    """The descent after so many updates."""

    iteration: int  # the updates made so far
    network: Network
    loss: float  # on the batch that the next update is made from
    accuracy: float


def batches(x: Array, labels: Array, batch_size: int | None, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches without end: all samples each time, or `batch_size` of them in an order drawn anew for every epoch.

    The last batch of an epoch is smaller where `batch_size` does not divide the number of samples.
    """
    while batch_size is None:
        yield x, labels
    while True:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            yield x[chosen], labels[chosen]


def gradient_descent(
    network: Network, source: Iterator[Batch], alpha: float, iterations: int, reduction: Reduction
) -> Iterator[State]:
    """The states of the descent, the untrained network first and the one after `iterations` updates last.

    A batch from `source` is one update. Networks are new at each update: an earlier state can be kept.
    """
    for iteration, (x, labels) in zip(range(iterations + 1), source, strict=False):
        found = loss_and_gradient(network, x, labels, reduction)
        yield State(iteration, network, found.loss, found.accuracy)
        network = updated(network, found.gradient, alpha)


def updated(network: Network, gradient: Network, alpha: float) -> Network:
    """The network after one step down the gradient."""
    return tuple(
        Layer(layer.weights - alpha * slope.weights, layer.bias - alpha * slope.bias)
        for layer, slope in zip(network, gradient, strict=True)
    )
