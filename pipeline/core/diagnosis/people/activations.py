"""Activation functions that people use, each with its derivative in both of its usual forms."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.network import log_softmax


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), without overflow."""
    s: Array = 0.5 * (1 + np.tanh(0.5 * z))
    return s


def softmax(z: Array) -> Array:
    """Each row's probabilities, (n, C)."""
    p: Array = np.exp(log_softmax(z))
    return p


def ones(z: Array) -> Array:
    """The derivative of the identity."""
    return np.ones_like(z)


class Activation(NamedTuple):
    """A function of a layer's pre-activations z (n, units), elementwise or, for a softmax, by row."""

    name: str
    of: Callable[[Array], Array]
    slope: Callable[[Array], Array]  # the derivative, as a function of z
    slope_by_output: Callable[[Array], Array] | None  # the same as a function of a = of(z), where that is usual
    written: str  # the derivative, as NumPy code

    @property
    def is_squashing(self) -> bool:
        """Whether it is flat at both ends."""
        return self.name in ("sigmoid", "tanh", "sigmoid of 2z", "bipolar sigmoid", "scaled tanh")


IDENTITY = Activation("identity", lambda z: z, ones, None, "1")
RELU = Activation(
    "ReLU", lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float), lambda a: (a > 0).astype(float), "({z} > 0)"
)
SIGMOID = Activation("sigmoid", sigmoid, lambda z: sigmoid(z) * sigmoid(-z), lambda a: a * (1 - a), "{a} * (1 - {a})")
TANH = Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda a: 1 - a**2, "(1 - {a}**2)")
SOFTMAX = Activation("softmax", softmax, lambda z: softmax(z) * (1 - softmax(z)), lambda a: a * (1 - a), "")


def leaky(slope: float) -> Activation:
    """A leaky ReLU with this slope below 0."""

    def derivative(z: Array) -> Array:
        return np.where(z > 0, 1.0, slope)

    written = f"np.where({{z}} > 0, 1, {slope})"
    return Activation("leaky ReLU", lambda z: np.where(z > 0, z, slope * z), derivative, derivative, written)


def gelu(z: Array) -> Array:
    """The usual approximation by tanh. Hendrycks and Gimpel, "Gaussian error linear units" (2016)."""
    g: Array = 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    return g


def numeric_slope(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A derivative by central differences."""
    return lambda z: (function(z + 1e-6) - function(z - 1e-6)) / 2e-6


def by_differences(name: str, function: Callable[[Array], Array], written: str) -> Activation:
    """A less common function, with a numerical derivative: people write it in many ways."""
    return Activation(name, function, numeric_slope(function), None, written)


RARE = (
    by_differences("softplus", lambda z: np.logaddexp(0, z), "1 / (1 + np.exp(-{z}))"),
    Activation(
        "ELU",
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))),
        lambda a: np.where(a > 0, 1.0, a + 1),
        "np.where({z} > 0, 1, np.exp({z}))",
    ),
    by_differences("scaled tanh", lambda z: 1.7159 * np.tanh(2 / 3 * z), "1.1439 * (1 - np.tanh(2 / 3 * {z})**2)"),
    Activation(
        "bipolar sigmoid",
        lambda z: np.tanh(z / 2),
        lambda z: 0.5 * (1 - np.tanh(z / 2) ** 2),
        lambda a: 0.5 * (1 - a**2),
        "0.5 * (1 - {a}**2)",
    ),
    Activation(
        "sigmoid of 2z",
        lambda z: sigmoid(2 * z),
        lambda z: 2 * sigmoid(2 * z) * sigmoid(-2 * z),
        lambda a: 2 * a * (1 - a),
        "2 * {a} * (1 - {a})",
    ),
    by_differences("softsign", lambda z: z / (1 + np.abs(z)), "1 / (1 + np.abs({z}))**2"),
    by_differences("swish", lambda z: z * sigmoid(z), "(sigmoid({z}) + {a} * (1 - sigmoid({z})))"),
    by_differences("GELU", gelu, "(the derivative of the GELU at {z})"),
    by_differences("sine", np.sin, "np.cos({z})"),
    by_differences("arctangent", np.arctan, "1 / (1 + {z}**2)"),
    by_differences("square", np.square, "2 * {z}"),
    by_differences("Gaussian", lambda z: np.exp(-(z**2)), "-2 * {z} * {a}"),
    by_differences("ReLU6", lambda z: np.clip(z, 0, 6), "(({z} > 0) & ({z} < 6))"),
    Activation("step above 0", lambda z: (z > 0).astype(float), ones, None, "1"),
    Activation("step from 0", lambda z: (z >= 0).astype(float), ones, None, "1"),
    Activation("sign", np.sign, ones, None, "1"),
)


def over_samples(z: Array) -> Array:
    """A softmax along the wrong axis, over the samples."""
    p: Array = softmax(z.T).T
    return p


def over_everything(z: Array) -> Array:
    """A softmax over the whole batch."""
    p: Array = softmax(z.reshape(1, -1)).reshape(z.shape)
    return p


OVER_SAMPLES = SOFTMAX._replace(name="softmax over samples", of=over_samples)
OVER_EVERYTHING = SOFTMAX._replace(name="softmax over everything", of=over_everything)
TWICE = SOFTMAX._replace(name="softmax of a softmax", of=lambda z: softmax(softmax(z)))
LOG_SOFTMAX = by_differences("log-softmax", log_softmax, "")
EXPONENTIAL = by_differences("exp", np.exp, "{a}")
USUAL_HIDDEN = (RELU, SIGMOID, TANH, IDENTITY, leaky(0.01))
USUAL_OUTPUTS = (IDENTITY, SOFTMAX, SIGMOID, TANH, RELU, OVER_SAMPLES, OVER_EVERYTHING, LOG_SOFTMAX, EXPONENTIAL)
HIDDEN = (*USUAL_HIDDEN, *(leaky(slope) for slope in (0.1, 0.2, 0.3, 0.05, 0.001)), *RARE)
OUTPUTS = (*USUAL_OUTPUTS, TWICE, *HIDDEN)
