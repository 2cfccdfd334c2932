"""The network with a mistake built in, as people make them: to see it fail, and to have the diagnosis name it.

This is `network` once more, but for the mistake that is chosen. Nothing but the setting `fault` leads here.
"""

from typing import Literal, TypeAlias

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.network import Layer, Network, Pass, Reduction, accuracy, cross_entropy, forward, log_softmax
from pipeline.core.stack import Passes, Scores, Stack, member, stack

Fault: TypeAlias = Literal[
    "softmax_over_samples",  # each class's probabilities sum to 1 over the samples, not each sample's over the classes
    "softmax_unshifted",  # exp of the logits as they are, which overflows
    "gradient_sign",  # labels less probabilities: uphill
    "gradient_without_mean",  # summed over the samples, where the loss is their mean
    "relu_mask_missing",  # passed back as if every ReLU were on
    "transposed_product",  # passed back through weights that were reshaped, not transposed
]


def log_probabilities(logits: Array, fault: Fault | None) -> Array:
    """The log of each class's probability, (n, C), by the softmax with that mistake; without one, by the right one."""
    if fault == "softmax_over_samples":
        return normalised(logits, axis=0)
    if fault == "softmax_unshifted":
        return normalised(logits, axis=1)
    return log_softmax(logits)


def predictions(logits: Array, fault: Fault | None) -> Array:
    """The class that is predicted for each sample, (n,)."""
    if fault == "softmax_over_samples":
        logits = log_probabilities(logits, fault)
    predicted: Array = logits.argmax(axis=1)  # any other softmax leaves the largest logit's probability the largest
    return predicted


def normalised(logits: Array, axis: int) -> Array:
    """The log of exp(logits) over its sum along an axis; not finite where `exp` overflows."""
    logs: Array = logits - np.log(np.exp(logits).sum(axis=axis, keepdims=True))
    return logs


def measure(network: Network, x: Array, labels: Array, fault: Fault) -> tuple[float, float]:
    """Loss and accuracy on samples x (n, d), as `network.measure`."""
    logs = log_probabilities(forward(network, x)[-1], fault)
    return cross_entropy(logs, labels), accuracy(logs, labels)


def loss_and_gradient(network: Network, x: Array, labels: Array, reduction: Reduction, fault: Fault) -> Pass:
    """Loss, accuracy, and what was meant to be the gradient, as `network.loss_and_gradient`."""
    inputs = forward(network, x)
    logs = log_probabilities(inputs.pop(), fault)
    delta = np.exp(logs)
    delta[np.arange(len(labels)), labels] -= 1
    if fault == "gradient_sign":
        delta = -delta
    if reduction == "mean" and fault != "gradient_without_mean":
        delta /= len(labels)

    gradient: list[Layer] = []
    for index in reversed(range(len(network))):
        gradient.insert(0, Layer(inputs[index].T @ delta, delta.sum(axis=0)))
        if index > 0:
            weights = network[index].weights
            delta = delta @ (weights.reshape(weights.T.shape) if fault == "transposed_product" else weights.T)
            if fault != "relu_mask_missing":
                delta *= inputs[index] > 0
    return Pass(cross_entropy(logs, labels), accuracy(logs, labels), tuple(gradient))


def passes(stacked: Stack, x: Array, labels: Array, reduction: Reduction, fault: Fault) -> Passes:
    """The same for each network of a stack, one after the other."""
    found = [loss_and_gradient(network, x, labels, reduction, fault) for network in each(stacked)]
    return Passes(scores([(one.loss, one.accuracy) for one in found]), stack([one.gradient for one in found]))


def measures(stacked: Stack, x: Array, labels: Array, fault: Fault) -> Scores:
    """Loss and accuracy of each network of a stack, one after the other."""
    return scores([measure(network, x, labels, fault) for network in each(stacked)])


def each(stacked: Stack) -> list[Network]:
    """The networks of a stack."""
    return [member(stacked, k) for k in range(stacked[0].shape[1])]


def scores(measured: list[tuple[float, float]]) -> Scores:
    """Loss and accuracy of several networks as arrays."""
    loss, right = np.array(measured).T
    return Scores(loss, right)
