"""The network with a common mistake built in, to watch it fail and to test the diagnosis.

This is `network` again, apart from the chosen mistake. Only the setting `fault` leads here.
"""

from typing import Literal, TypeAlias

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.fast.precision import ARITHMETIC, Precision
from pipeline.core.fast.stack import Passes, Scores, Stack, is_finite, member, stack
from pipeline.core.network import Layer, Network, Pass, Reduction, accuracy, cross_entropy

Fault: TypeAlias = Literal[
    "softmax_over_samples",  # probabilities sum to 1 over the samples instead of the classes
    "softmax_unshifted",  # exp of the raw logits, which overflows
    "gradient_sign",  # labels minus probabilities: uphill
    "gradient_without_mean",  # summed over the samples, although the loss is their mean
    "relu_mask_missing",  # back-propagated as if every ReLU were on
    "transposed_product",  # back-propagated through weights that were reshaped, not transposed
]


def log_probabilities(logits: Array, fault: Fault | None, precision: Precision) -> Array:
    """The log of each class's probability, (n, C), by the softmax with this mistake, or the correct one for None."""
    arithmetic = ARITHMETIC[precision]
    if fault not in ("softmax_over_samples", "softmax_unshifted"):
        logits = logits - logits.max(axis=1, keepdims=True)
    powers = logits.copy()
    arithmetic.exp(powers)
    sums_over = 0 if fault == "softmax_over_samples" else 1
    logs: Array = logits - arithmetic.log(powers.sum(axis=sums_over, keepdims=True))
    return logs


def predictions(logits: Array, fault: Fault | None, precision: Precision) -> Array:
    """The predicted class of each sample, (n,)."""
    if fault == "softmax_over_samples":
        logits = log_probabilities(logits, fault, precision)
    predicted: Array = logits.argmax(axis=1)  # every other softmax preserves the order of a row's logits
    return predicted


def forward(network: Network, x: Array, precision: Precision) -> list[Array]:
    """The input of every layer, then the logits, as in `network.forward`."""
    product = ARITHMETIC[precision].product
    outputs = [x]
    for layer in network[:-1]:
        outputs.append(np.maximum(product(outputs[-1], layer.weights) + layer.bias, 0))
    outputs.append(product(outputs[-1], network[-1].weights) + network[-1].bias)
    return outputs


def measure(network: Network, x: Array, labels: Array, fault: Fault, precision: Precision) -> tuple[float, float]:
    """Loss and accuracy on samples x (n, d), as in `network.measure`."""
    logs = log_probabilities(forward(network, x, precision)[-1], fault, precision)
    return cross_entropy(logs, labels), accuracy(logs, labels)


def loss_and_gradient(
    network: Network, x: Array, labels: Array, reduction: Reduction, fault: Fault, precision: Precision
) -> Pass:
    """Loss, accuracy, and the faulty gradient, as in `network.loss_and_gradient`."""
    product = ARITHMETIC[precision].product
    inputs = forward(network, x, precision)
    logs = log_probabilities(inputs.pop(), fault, precision)
    delta = logs.copy()
    ARITHMETIC[precision].exp(delta)
    delta[np.arange(len(labels)), labels] -= 1
    if fault == "gradient_sign":
        delta = -delta
    if reduction == "mean" and fault != "gradient_without_mean":
        delta /= len(labels)

    gradient: list[Layer] = []
    for index in reversed(range(len(network))):
        gradient.insert(0, Layer(product(inputs[index].T, delta), delta.sum(axis=0)))
        if index > 0:
            weights = network[index].weights
            delta = product(delta, weights.reshape(weights.T.shape) if fault == "transposed_product" else weights.T)
            if fault != "relu_mask_missing":
                delta *= inputs[index] > 0
    return Pass(cross_entropy(logs, labels), accuracy(logs, labels), tuple(gradient))


def passes(stacked: Stack, x: Array, labels: Array, reduction: Reduction, fault: Fault, precision: Precision) -> Passes:
    """The same for each network of a stack in turn."""
    found = [loss_and_gradient(network, x, labels, reduction, fault, precision) for network in networks_of(stacked)]
    scored = scores([(one.loss, one.accuracy) for one in found])
    return Passes(stack([one.gradient for one in found]), is_finite(scored.loss), scored)


def measures(stacked: Stack, x: Array, labels: Array, fault: Fault, precision: Precision) -> Scores:
    """Loss and accuracy of each network of a stack in turn."""
    return scores([measure(network, x, labels, fault, precision) for network in networks_of(stacked)])


def networks_of(stacked: Stack) -> list[Network]:
    """The networks of a stack."""
    return [member(stacked, k) for k in range(stacked[0].shape[1])]


def scores(measured: list[tuple[float, float]]) -> Scores:
    """Loss and accuracy of several networks as arrays."""
    loss, right = np.array(measured).T
    return Scores(loss, right)
