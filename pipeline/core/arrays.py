"""The arrays that everything here is made of."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class Samples(NamedTuple):
    """Samples that a network can be trained or measured on."""

    x: Array  # (n, d), normalised
    labels: Array  # (n,)


def spread(count: int, most: int) -> Array:
    """The places of at most so many of `count` samples, from the first to the last at even distances."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)
