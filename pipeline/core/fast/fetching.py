"""Minibatches, fetched by a thread of its own while the ones before are trained on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.normalisation import Affine

IMAGES_AT_A_TIME = 2048


class Batch(NamedTuple):
    """Images to make an update from."""

    inputs: Array  # (m, 1 + d); the first input of each image is the constant 1
    labels: Array  # (m,)


@dataclass(frozen=True)
class Images:
    """Where batches come from."""

    bytes_of: NDArray[np.uint8]  # (n, 1 + d), the constant 1 first
    labels: Array  # (n,)
    affine: Affine | None  # of inputs that are normalised, the constant 1 left alone
    dtype: str

    @classmethod
    def behind_a_constant(cls, pixels: NDArray[np.uint8], labels: Array, affine: Affine | None, dtype: str) -> "Images":
        """Images (n, d) with the constant 1 before their pixels."""
        if affine is not None:
            shift, scale = (np.broadcast_to(values, pixels.shape[1]) for values in affine)
            affine = Affine(np.insert(shift, 0, 0.0), np.insert(scale, 0, 1.0))
        return cls(np.insert(pixels, 0, 1, axis=1), labels, affine, dtype)

    def batches(self, rows: list[Array]) -> list[Batch]:
        """The batches of these rows, fetched together."""
        together = np.concatenate(rows)
        inputs = self.bytes_of[together].astype(self.dtype)
        if self.affine is not None:
            inputs = self.affine.apply(inputs, self.dtype)
        ends = np.cumsum([len(chosen) for chosen in rows])[:-1]
        return [
            Batch(*batch) for batch in zip(np.split(inputs, ends), np.split(self.labels[together], ends), strict=True)
        ]


def fetched_ahead(images: Images, rows: Iterator[Array], batch_size: int) -> Iterator[Batch]:
    """The batches of endless rows."""
    count = max(1, IMAGES_AT_A_TIME // batch_size)

    def fetch() -> list[Batch]:
        return images.batches(list(islice(rows, count)))

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(fetch)
        while True:
            fetched, coming = coming.result(), thread.submit(fetch)
            yield from fetched
