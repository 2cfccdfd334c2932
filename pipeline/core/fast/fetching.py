"""Prefetches minibatches in a background thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array

IMAGES_AT_A_TIME = 2048


class Batch(NamedTuple):
    """The images of one update."""

    inputs: Array  # (m, 1 + d); the first input of each image is the constant 1
    labels: Array  # (m,)


def fetched_ahead(
    rows: Iterator[Array], batch_size: int, inputs_of: Callable[[Array], Array], labels: Array
) -> Iterator[Batch]:
    """The batches for an endless iterator of rows, each with the indices of a batch's images."""
    count = max(1, IMAGES_AT_A_TIME // batch_size)

    def fetch() -> list[Batch]:
        chosen = list(islice(rows, count))
        together, ends = np.concatenate(chosen), np.cumsum([len(each) for each in chosen])[:-1]
        inputs, answers = np.split(inputs_of(together), ends), np.split(labels[together], ends)
        return [Batch(*batch) for batch in zip(inputs, answers, strict=True)]

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(fetch)
        while True:
            fetched, coming = coming.result(), thread.submit(fetch)
            yield from fetched
