"""The error at the sums of the last layer: what it is for each loss, and what people write in its place."""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.activations import (
    RELU,
    SIGMOID,
    TANH,
    Activation,
    sigmoid,
    softmax,
)

Loss: TypeAlias = Literal["cross-entropy", "squared error", "absolute error", "a loss of its own"]
Of: TypeAlias = Callable[[Array, Array, Array], Array]  # of sums z, outputs a and targets t, each (k, C)


class OutputError(NamedTuple):
    """An error at the last layer's sums."""

    of: Of
    loss: Loss | None  # of which it is the derivative, but for a factor
    cause: str = ""
    said: str = ""  # what is wrong with it


def through_softmax(z: Array, error: Array) -> Array:
    """An error at a softmax's outputs, brought to its sums: the product with its Jacobian."""
    p = softmax(z)
    back: Array = p * (error - (p * error).sum(axis=1, keepdims=True))
    return back


def is_softmax(activation: Activation) -> bool:
    """Whether it is one, over the right axis or another."""
    return activation.name.startswith("softmax")


def right_errors(activation: Activation) -> list[OutputError]:
    """The derivatives of the usual losses."""
    name = activation.name
    if name == "softmax of a softmax":
        return [OutputError(lambda z, a, t: through_softmax(z, a - t), "cross-entropy")]
    if is_softmax(activation):
        return [
            OutputError(lambda z, a, t: a - t, "cross-entropy"),
            OutputError(lambda z, a, t: through_softmax(z, a - t), "squared error"),
        ]
    if name in ("log-softmax", "exp"):
        return [OutputError(lambda z, a, t: softmax(z) - t, "cross-entropy")]
    squared = OutputError(lambda z, a, t: (a - t) * activation.slope(z), "squared error")
    absolute = OutputError(lambda z, a, t: np.sign(a - t) * activation.slope(z), "absolute error")
    if name in ("sigmoid", "tanh"):
        of_entropy = OutputError(lambda z, a, t: a - t, "cross-entropy")
        categorical = OutputError(lambda z, a, t: softmax(z) - t, "cross-entropy")
        return [of_entropy, squared, absolute, categorical]
    if name == "identity":
        return [
            squared,
            OutputError(lambda z, a, t: softmax(z) - t, "cross-entropy"),
            OutputError(lambda z, a, t: sigmoid(z) - t, "cross-entropy"),
            absolute,
            OutputError(hinge, "a loss of its own"),
            OutputError(binary_hinge, "a loss of its own"),
        ]
    return [squared, absolute]


def hinge(z: Array, _: Array, t: Array) -> Array:
    """Of a multiclass hinge loss with a margin of 1; Weston and Watkins (1999)."""
    right = (z * t).sum(axis=1, keepdims=True)
    violated = ((z - right + 1 > 0) & (t < t.max(axis=1, keepdims=True))).astype(float)
    error: Array = violated - violated.sum(axis=1, keepdims=True) * t
    return error


def binary_hinge(z: Array, _: Array, t: Array) -> Array:
    """Of a hinge loss on targets of -1 and 1."""
    error: Array = -t * (t * z < 1)
    return error


SLOPES = (RELU, SIGMOID, TANH)
ALL_TARGETS = "compares every answer with all targets: (n, 1) less (n,) is a table"


def wrong_errors(activation: Activation) -> list[OutputError]:
    """What people write instead, the likeliest first."""

    def slope(said: str, of: Of) -> OutputError:
        return OutputError(of, None, "activation_derivative", said)

    def loss(said: str, of: Of) -> OutputError:
        return OutputError(of, None, "loss_mismatch", said)

    name, by_output = activation.name, activation.slope_by_output
    errors = []
    if name == "softmax of a softmax":
        said = "is output - target, though the softmax is taken twice, and the first one's derivative is missing"
        errors.append(slope(said, lambda z, a, t: a - t))
    if name not in ("identity", "sigmoid", "tanh") and not is_softmax(activation):
        errors.append(slope(f"lacks the derivative of the {name}", lambda z, a, t: a - t))
    if is_softmax(activation):
        said = "is multiplied by p * (1 - p), which is only the diagonal of the softmax's Jacobian"
        errors.append(slope(said, lambda z, a, t: (a - t) * a * (1 - a)))
    errors.append(
        slope(f"has the derivative of the {name} at the output, where its sum belongs", at_output(activation.slope))
    )
    if by_output:
        errors.append(slope("has the derivative, written for the output, at the sum", at_sum(by_output)))
    errors.append(slope("has the derivative twice", lambda z, a, t: (a - t) * activation.slope(z) ** 2))
    for other in SLOPES:
        if other.name != name:
            said = f"uses the derivative of {other.name}, though the activation is {name}"
            errors += [slope(said, at_sum(other.slope)), slope(said, at_output(by_its_output(other)))]
    errors += [
        loss("is the sums less the targets, though an activation follows the sums", lambda z, a, t: z - t),
        OutputError(lambda z, a, t: a - t.mean(axis=0), None, "broadcast", ALL_TARGETS),
        OutputError(lambda z, a, t: a.mean(axis=0) - t, None, "broadcast", "compares every target with all answers"),
        OutputError(lambda z, a, t: (a - t.mean(axis=0)) * activation.slope(z), None, "broadcast", ALL_TARGETS),
        loss("is the output alone: the targets are not in it", lambda z, a, t: a),
        loss("is the targets alone: the output is not in it", lambda z, a, t: -t),
        loss("is the squared difference, which has lost its sign", lambda z, a, t: (a - t) ** 2),
        loss("is the absolute difference, which has lost its sign", lambda z, a, t: np.abs(a - t)),
        loss("is squared, and then multiplied by the derivative", lambda z, a, t: (a - t) ** 2 * activation.slope(z)),
        loss("is the targets alone, times the derivative", lambda z, a, t: -t * activation.slope(z)),
        loss("is the output rounded, less the targets", lambda z, a, t: np.round(a) - t),
        loss("goes by the class that is predicted, and not by the outputs", lambda z, a, t: predicted(a) - t),
        loss("is the loss itself, and not its derivative", lambda z, a, t: -t * np.log(a)),
        slope("is that of the output, -t / a, which the softmax's derivative has not passed", lambda z, a, t: -t / a),
        slope(
            "is that of the output, (a - t) / (a * (1 - a)), which no derivative has passed",
            lambda z, a, t: (a - t) / (a * (1 - a)),
        ),
        OutputError(
            lambda z, a, t: -t / a * activation.slope(z),
            None,
            "no_softmax" if name in ("identity", "ReLU") else "loss_mismatch",
            "is that of -t * log(a), though the outputs of a sample do not sum to 1",
        ),
        OutputError(
            lambda z, a, t: np.broadcast_to((a - t).sum(axis=1, keepdims=True), a.shape),
            None,
            "broadcast",
            "is one number for all outputs of a sample",
        ),
        OutputError(
            lambda z, a, t: np.broadcast_to((a - t).mean(axis=0, keepdims=True), a.shape),
            None,
            "broadcast",
            "is one mean for all samples",
        ),
    ]
    return errors


def at_output(slope: Callable[[Array], Array]) -> Of:
    """The difference times a function of the output."""
    return lambda z, a, t: (a - t) * slope(a)


def at_sum(slope: Callable[[Array], Array]) -> Of:
    """The difference times a function of the sum."""
    return lambda z, a, t: (a - t) * slope(z)


def by_its_output(activation: Activation) -> Callable[[Array], Array]:
    """The derivative as a function of the output."""
    return activation.slope_by_output or activation.slope


def predicted(a: Array) -> Array:
    """One-hot rows of the largest outputs."""
    hot: Array = (a == a.max(axis=1, keepdims=True)).astype(float)
    return hot
