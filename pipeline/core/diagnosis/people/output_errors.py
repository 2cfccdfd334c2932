"""The error at the pre-activations of the last layer: the correct one for each loss, and common mistakes."""

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

Loss: TypeAlias = Literal["cross-entropy", "squared error", "absolute error", "a custom loss"]
Of: TypeAlias = Callable[[Array, Array, Array], Array]  # of pre-activations z, outputs a and targets t, each (k, C)


class OutputError(NamedTuple):
    """An error at the last layer's pre-activations."""

    of: Of
    loss: Loss | None  # whose derivative it is, up to a factor
    cause: str = ""
    text: str = ""  # what is wrong with it


def through_softmax(z: Array, error: Array) -> Array:
    """An error at a softmax's outputs, propagated to its pre-activations: the product with its Jacobian."""
    p = softmax(z)
    back: Array = p * (error - (p * error).sum(axis=1, keepdims=True))
    return back


def is_softmax(activation: Activation) -> bool:
    """Whether it is a softmax, along whichever axis."""
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
            OutputError(hinge, "a custom loss"),
            OutputError(binary_hinge, "a custom loss"),
        ]
    return [squared, absolute]


def hinge(z: Array, _: Array, t: Array) -> Array:
    """The error of a multiclass hinge loss with margin 1; Weston and Watkins (1999)."""
    right = (z * t).sum(axis=1, keepdims=True)
    violated = ((z - right + 1 > 0) & (t < t.max(axis=1, keepdims=True))).astype(float)
    error: Array = violated - violated.sum(axis=1, keepdims=True) * t
    return error


def binary_hinge(z: Array, _: Array, t: Array) -> Array:
    """The error of a hinge loss on targets of -1 and 1."""
    error: Array = -t * (t * z < 1)
    return error


SLOPES = (RELU, SIGMOID, TANH)
ALL_TARGETS = "compares every output with all targets: (n, 1) - (n,) broadcasts to (n, n)"


def wrong_errors(activation: Activation) -> list[OutputError]:
    """Common mistakes, most likely first."""

    def slope(text: str, of: Of) -> OutputError:
        return OutputError(of, None, "activation_derivative", text)

    def loss(text: str, of: Of) -> OutputError:
        return OutputError(of, None, "loss_mismatch", text)

    name, by_output = activation.name, activation.slope_by_output
    errors = []
    if name == "softmax of a softmax":
        text = "is output - target, but softmax is applied twice, and the derivative of the first one is missing"
        errors.append(slope(text, lambda z, a, t: a - t))
    if name not in ("identity", "sigmoid", "tanh") and not is_softmax(activation):
        errors.append(slope(f"lacks the derivative of the {name}", lambda z, a, t: a - t))
    if is_softmax(activation):
        text = "is multiplied by p * (1 - p), which is only the diagonal of the softmax's Jacobian"
        errors.append(slope(text, lambda z, a, t: (a - t) * a * (1 - a)))
    errors.append(
        slope(f"uses the derivative of the {name} at the output instead of at z", at_output(activation.slope))
    )
    if by_output:
        text = "uses the formula of the derivative for the output a, but applies it to z"
        errors.append(slope(text, at_sum(by_output)))
    errors.append(slope("includes the derivative twice", lambda z, a, t: (a - t) * activation.slope(z) ** 2))
    for other in SLOPES:
        if other.name != name:
            text = f"uses the derivative of {other.name}, but the activation is {name}"
            errors += [slope(text, at_sum(other.slope)), slope(text, at_output(by_its_output(other)))]
    errors += [
        loss("is z - target instead of output - target", lambda z, a, t: z - t),
        OutputError(lambda z, a, t: a - t.mean(axis=0), None, "broadcast", ALL_TARGETS),
        OutputError(lambda z, a, t: a.mean(axis=0) - t, None, "broadcast", "compares every target with all outputs"),
        OutputError(lambda z, a, t: (a - t.mean(axis=0)) * activation.slope(z), None, "broadcast", ALL_TARGETS),
        loss("is just the output, without the target", lambda z, a, t: a),
        loss("is just the target, without the output", lambda z, a, t: -t),
        loss("is the squared difference, which loses the sign", lambda z, a, t: (a - t) ** 2),
        loss("is the absolute difference, which loses the sign", lambda z, a, t: np.abs(a - t)),
        loss("is squared before the derivative is applied", lambda z, a, t: (a - t) ** 2 * activation.slope(z)),
        loss("is just the target, times the derivative", lambda z, a, t: -t * activation.slope(z)),
        loss("uses the rounded output instead of the output", lambda z, a, t: np.round(a) - t),
        loss("uses the predicted class instead of the outputs", lambda z, a, t: predicted(a) - t),
        loss("is the loss itself instead of its derivative", lambda z, a, t: -t * np.log(a)),
        slope("is -t / a, the error at the output, and lacks the softmax's derivative", lambda z, a, t: -t / a),
        slope(
            "is (a - t) / (a * (1 - a)), the error at the output, and lacks the activation's derivative",
            lambda z, a, t: (a - t) / (a * (1 - a)),
        ),
        OutputError(
            lambda z, a, t: -t / a * activation.slope(z),
            None,
            "no_softmax" if name in ("identity", "ReLU") else "loss_mismatch",
            "is the derivative of -t * log(a), but the outputs of a sample do not sum to 1",
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
            "is averaged over the samples",
        ),
    ]
    return errors


def at_output(slope: Callable[[Array], Array]) -> Of:
    """The difference times a function of the output."""
    return lambda z, a, t: (a - t) * slope(a)


def at_sum(slope: Callable[[Array], Array]) -> Of:
    """The difference times a function of the pre-activation."""
    return lambda z, a, t: (a - t) * slope(z)


def by_its_output(activation: Activation) -> Callable[[Array], Array]:
    """The derivative as a function of the output, if there is one."""
    return activation.slope_by_output or activation.slope


def predicted(a: Array) -> Array:
    """The predicted classes as one-hot rows."""
    hot: Array = (a == a.max(axis=1, keepdims=True)).astype(float)
    return hot
