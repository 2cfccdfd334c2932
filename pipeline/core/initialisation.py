"""Initial parameters of a network. Each scheme draws one layer, and says why one would use it."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from pipeline.core.elementary import standard_normal
from pipeline.core.network import Layer, Network, in_precision

Scheme: TypeAlias = Callable[[np.random.Generator, int, int, float], Layer]


def uniform(rng: np.random.Generator, fan_in: int, fan_out: int, _scale: float) -> Layer:
    """Weights and biases in [-0.5, 0.5): most people's first attempt. Too wide for many inputs, so learning is slow."""
    return Layer(rng.random((fan_in, fan_out)) - 0.5, rng.random(fan_out) - 0.5)


def he(rng: np.random.Generator, fan_in: int, fan_out: int, _scale: float) -> Layer:
    """N(0, 2 / fan_in): preserves the signal's size though half the ReLUs are off. He et al. (2015), eq. 10."""
    return Layer(standard_normal(rng, (fan_in, fan_out)) * np.sqrt(2 / fan_in), np.zeros(fan_out))


def xavier(rng: np.random.Generator, fan_in: int, fan_out: int, _scale: float) -> Layer:
    """U(-r, r), r = sqrt(6 / (fan_in + fan_out)): balances signal and gradient. Glorot and Bengio (2010), eq. 16."""
    return Layer((2 * rng.random((fan_in, fan_out)) - 1) * np.sqrt(6 / (fan_in + fan_out)), np.zeros(fan_out))


def normal(rng: np.random.Generator, fan_in: int, fan_out: int, scale: float) -> Layer:
    """N(0, scale^2): small, so all classes start about equally likely, whatever the layer's size."""
    return Layer(standard_normal(rng, (fan_in, fan_out)) * scale, np.zeros(fan_out))


def zeros(_rng: np.random.Generator, fan_in: int, fan_out: int, _scale: float) -> Layer:
    """All zeros: never learns, since units stay equal and no gradient passes. Included to show that failure."""
    return Layer(np.zeros((fan_in, fan_out)), np.zeros(fan_out))


SCHEMES: dict[str, Scheme] = {scheme.__name__: scheme for scheme in (uniform, he, xavier, normal, zeros)}


def initialise(sizes: Sequence[int], scheme: str, scale: float, dtype: str, rng: np.random.Generator) -> Network:
    """A network of layer sizes d-H-...-C, drawn in float64 and then rounded to `dtype`.

    `scheme` is a key of SCHEMES; `scale` is the standard deviation for `normal`.
    """
    layers = tuple(SCHEMES[scheme](rng, fan_in, fan_out, scale) for fan_in, fan_out in pairwise(sizes))
    return in_precision(layers, dtype)
