"""Types and helpers for the arrays that all of `core` works on."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class Samples(NamedTuple):
    """Samples to train or evaluate a network on."""

    x: Array  # (n, d), normalised
    labels: Array  # (n,)


def evenly_spaced(count: int, most: int) -> Array:
    """At most `most` evenly spaced indices of `count` samples, including the first and the last."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)
