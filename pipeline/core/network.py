"""A multilayer perceptron: ReLU layers, a softmax output and cross-entropy loss.

This is the reference implementation, written to be read. It does not train the networks: `core.fast` does, with the
same mathematics, and tests hold it to this file.

Shapes throughout: n samples of d features, layer sizes d-H-...-C, integer labels (n,) from 0 to C - 1.
The gradient is computed by back-propagation as in Rumelhart, Hinton and Williams, "Learning representations by
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
    """A copy of the network with parameters of this type."""
    return tuple(Layer(layer.weights.astype(dtype), layer.bias.astype(dtype)) for layer in network)


class Pass(NamedTuple):
    """The results of one pass over a batch."""

    loss: float
    accuracy: float
    gradient: Network  # of the loss, in the shapes of the network


def forward(network: Network, x: Array) -> list[Array]:
    """The input of every layer, starting with x (n, d), then the logits (n, C)."""
    outputs = [x]
    for layer in network[:-1]:
        outputs.append(np.maximum(outputs[-1] @ layer.weights + layer.bias, 0))
    outputs.append(outputs[-1] @ network[-1].weights + network[-1].bias)
    return outputs


def log_softmax(logits: Array) -> Array:
    """The log of each class's probability, (n, C); each row's probabilities sum to 1.

    Subtracting each row's maximum does not change the softmax. Then no exponent exceeds 0, so `exp` can't overflow,
    and the sum is at least 1, so the log is finite.
    """
    shifted: Array = logits - logits.max(axis=1, keepdims=True)
    log_probabilities: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_probabilities


def cross_entropy(log_probabilities: Array, labels: Array) -> float:
    """The mean of -log(probability of the correct class) over the samples, in nats. Guessing among C costs ln(C)."""
    certainty = float(log_probabilities[np.arange(len(labels)), labels].mean(dtype=np.float64))
    return 0.0 - certainty  # -certainty would be -0.0 for perfect predictions


def accuracy(logits: Array, labels: Array) -> float:
    """The share of samples, 0 to 1, whose largest logit (or probability, or log-probability) is the correct class's."""
    return float((logits.argmax(axis=1) == labels).mean())


def measure(network: Network, x: Array, labels: Array) -> tuple[float, float]:
    """Loss and accuracy of the network on samples x (n, d)."""
    log_probabilities = log_softmax(forward(network, x)[-1])
    return cross_entropy(log_probabilities, labels), accuracy(log_probabilities, labels)


def loss_and_gradient(network: Network, x: Array, labels: Array, reduction: Reduction = "mean") -> Pass:
    """Loss, accuracy and gradient on a batch x (n, d).

    With P the softmax's probabilities and Y the one-hot labels, the gradient at the logits is P - Y for each
    sample, divided by n for the mean. It propagates back through each layer with input A, weights W and
    gradient D at its output: dW = A.T @ D, db = the sum of D over the samples, and dA = D @ W.T, which passes a
    ReLU only where its output was above 0.

    The reported loss is the mean for both reductions, so that runs are comparable. `sum` only scales the gradient
    by n.
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
