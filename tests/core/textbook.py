"""Plain gradient descent, as a textbook has it: what fast code is held to."""

from typing import NamedTuple

from pipeline.core.network import Layer, Network, loss_and_gradient


class State(NamedTuple):
    """The descent after so many updates."""

    iteration: int  # the updates made so far
    network: Network
    loss: float  # on the batch that the next update is made from
    accuracy: float


def gradient_descent(network, source, alpha, iterations, reduction="mean"):
    """The states of the descent, the untrained network first. A batch from `source` is one update."""
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
