"""Plain gradient descent, as in a textbook: the reference for the fast code."""

from typing import NamedTuple

from pipeline.core.network import Layer, Network, loss_and_gradient


class State(NamedTuple):
    """The descent after a number of updates."""

    iteration: int  # the number of updates so far
    network: Network
    loss: float  # on the batch of the next update
    accuracy: float


def gradient_descent(network, source, alpha, iterations, reduction="mean"):
    """Yield the states of the descent, starting with the untrained network. Each batch from `source` is one update."""
    for iteration, (x, labels) in zip(range(iterations + 1), source, strict=False):
        found = loss_and_gradient(network, x, labels, reduction)
        yield State(iteration, network, found.loss, found.accuracy)
        network = updated(network, found.gradient, alpha)


def updated(network, gradient, alpha):
    """The network after one step down the gradient."""
    return tuple(
        Layer(layer.weights - alpha * slope.weights, layer.bias - alpha * slope.bias)
        for layer, slope in zip(network, gradient, strict=True)
    )
