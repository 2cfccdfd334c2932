"""The arrays that everything here is made of."""

from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class Samples(NamedTuple):
    """Samples that a network can be trained or measured on."""

    x: Array  # (n, d), normalised
    labels: Array  # (n,)
