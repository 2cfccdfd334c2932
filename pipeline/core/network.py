"""A multilayer perceptron: ReLU layers, a softmax at the end, and the cross-entropy that it learns from.

This is the reference, written to be read. `core.fast.engine` and `core.fast.minibatches` are what trains: the same
mathematics, held to this file by tests.

Shapes throughout: n samples of d features, layer sizes d-H-...-C, labels (n,) whole numbers from 0 to C - 1.
The gradient is back-propagation as in Rumelhart, Hinton and Williams, "Learning representations by
back-propagating errors", Nature 323 (1986).
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Array

Reduction: TypeAlias = Literal["mean", "sum"]


class Layer(NamedTuple):
    """A dense layer: x @ weights + bias."""

    weights: Array  # (inputs, outputs)
    bias: Array  # (outputs,)


Network: TypeAlias = tuple[Layer, ...]


def in_precision(network: Network, dtype: str) -> Network:
    """The same network in numbers of another type."""
    return tuple(Layer(layer.weights.astype(dtype), layer.bias.astype(dtype)) for layer in network)


class Pass(NamedTuple):
    """What one pass over a batch finds out."""

    loss: float
    accuracy: float
    gradient: Network  # of the loss, a Layer for each layer, in the same shapes


def forward(network: Network, x: Array) -> list[Array]:
    """The input of every layer, x (n, d) first, and last the logits (n, C)."""
    outputs = [x]
    for layer in network[:-1]:
        outputs.append(np.maximum(outputs[-1] @ layer.weights + layer.bias, 0))
    outputs.append(outputs[-1] @ network[-1].weights + network[-1].bias)
    return outputs


def log_softmax(logits: Array) -> Array:
    """The log of each class's probability, (n, C); each row's probabilities sum to 1.

    Subtracting each row's largest logit does not change the softmax. After that no exponent is above 0, so `exp`
    can't overflow, and the sum is at least 1, so the log is finite.
    """
    shifted: Array = logits - logits.max(axis=1, keepdims=True)
    log_probabilities: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_probabilities


def cross_entropy(log_probabilities: Array, labels: Array) -> float:
    """The mean of -log(probability of the right class) over the samples, in nats. A guess among C costs ln(C)."""
    certainty = float(log_probabilities[np.arange(len(labels)), labels].mean(dtype=np.float64))
    return 0.0 - certainty  # -certainty would be -0.0 where all is certain


def accuracy(logits: Array, labels: Array) -> float:
    """The share of samples, 0 to 1, whose largest logit (or probability, or log of it) is the right class's."""
    return float((logits.argmax(axis=1) == labels).mean())


def measure(network: Network, x: Array, labels: Array) -> tuple[float, float]:
    """Loss and accuracy of the network on samples x (n, d)."""
    log_probabilities = log_softmax(forward(network, x)[-1])
    return cross_entropy(log_probabilities, labels), accuracy(log_probabilities, labels)


def loss_and_gradient(network: Network, x: Array, labels: Array, reduction: Reduction = "mean") -> Pass:
    """Loss, accuracy and gradient on a batch x (n, d).

    With P the softmax's probabilities and Y the one-hot labels, the gradient at the logits is P - Y for each
    sample, over n for the mean. From there, backwards through each layer with input A, weights W and the
    gradient D at its output: dW = A.T @ D, db = the sum of D over the samples, and dA = D @ W.T, which passes a
    ReLU only where its output was above 0.

    The loss that is reported is the mean in both reductions, so that runs can be compared. `sum` scales the
    gradient by n.
    """
    inputs = forward(network, x)
    log_probabilities = log_softmax(inputs.pop())
    delta = np.exp(log_probabilities)
    delta[np.arange(len(labels)), labels] -= 1
    if reduction == "mean":
        delta /= len(labels)

    gradient: list[Layer] = []
    for index in reversed(range(len(network))):
        gradient.insert(0, Layer(inputs[index].T @ delta, delta.sum(axis=0)))
        if index > 0:
            delta = (delta @ network[index].weights.T) * (inputs[index] > 0)
    return Pass(cross_entropy(log_probabilities, labels), accuracy(log_probabilities, labels), tuple(gradient))
