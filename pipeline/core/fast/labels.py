"""The labels of some images, and where in an array they point."""

from typing import Any, NamedTuple

import numpy as np

from pipeline.core.arrays import Array


class Labels(NamedTuple):
    """The labels of m images."""

    values: Array  # (m,)
    place: tuple[Any, ...]  # the index by which an array (K, C, m) gives what stands at each image's label, (K, m)


def labelled(values: Array) -> Labels:
    """Labels (m,) with their place: a slice where all are the same, which is far faster."""
    if (values == values[0]).all():
        return Labels(values, (slice(None), int(values[0])))
    return Labels(values, (slice(None), values, np.arange(len(values))))
