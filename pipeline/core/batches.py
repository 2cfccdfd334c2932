"""The batches for updates."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from pipeline.core.arrays import Array

Batch: TypeAlias = tuple[Array, Array]


def batches(
    x: Array, labels: Array, batch_size: int | None, rng: np.random.Generator, skipped: int = 0
) -> Iterator[Batch]:
    """Endless batches: all samples every time, or `batch_size` of them, reshuffled for every epoch.

    The last batch of an epoch is smaller if `batch_size` does not divide the number of samples. The first `skipped`
    batches are left out; they cost a shuffle per epoch.
    """
    while batch_size is None:
        yield x, labels
    while True:
        order = rng.permutation(len(x))
        starts = range(0, len(x), batch_size)
        for start in starts[skipped:]:
            chosen = order[start : start + batch_size]
            yield x[chosen], labels[chosen]
        skipped = max(0, skipped - len(starts))
