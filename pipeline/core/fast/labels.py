"""Labels, and how to index an array by them."""

from typing import Any, NamedTuple

import numpy as np

from pipeline.core.arrays import Array


class Labels(NamedTuple):
    """The labels of m images."""

    values: Array  # (m,)
    place: tuple[Any, ...]  # the index that selects each image's label from an array (K, C, m), giving (K, m)


def labelled(values: Array) -> Labels:
    """Labels (m,) with their index: a slice if all are the same, which is far faster."""
    if (values == values[0]).all():
        return Labels(values, (slice(None), int(values[0])))
    return Labels(values, (slice(None), values, np.arange(len(values))))
