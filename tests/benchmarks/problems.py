"""What is computed: descents of networks with twenty hidden units, on all of MNIST and of scikit-learn's digits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.batches import batches
from pipeline.core.fast.engine import inputs_of
from pipeline.core.fast.staircase import staircase
from pipeline.core.initialisation import initialise
from pipeline.core.network import Network
from pipeline.core.normalisation import Affine, unit
from pipeline.files.images import read_images

HIDDEN, CLASSES = 20, 10
ALPHA = 0.1
NETWORKS = 16
MINIBATCH = 128


@dataclass(frozen=True)
class Problem:
    """A descent that every implementation is to make."""

    case: str
    pixels: NDArray[np.uint8]  # (n, d)
    labels: NDArray[np.uint8]  # (n,)
    batch_size: int | None = None

    @property
    def affine(self) -> Affine:
        """What normalises the pixels."""
        return unit(self.pixels)

    def inputs(self, dtype: str) -> Array:
        """The images as a network takes them."""
        return self.affine.apply(self.pixels, dtype)

    def networks(self, number: int) -> list[Network]:
        """Untrained networks, whose first is the same for any number of them."""
        sizes = [self.pixels.shape[1], HIDDEN, CLASSES]
        return [initialise(sizes, "he", 0.0, "float32", np.random.default_rng(seed)) for seed in range(number)]

    def order(self) -> np.random.Generator:
        """What draws the order of minibatches, which is the same for all who draw from it."""
        return np.random.default_rng(0)

    def rows(self) -> Iterator[Array]:
        """The indices of one minibatch's images after the other's."""
        return (
            chosen for chosen, _ in batches(np.arange(len(self.labels)), self.labels, self.batch_size, self.order())
        )

    @property
    def iterations(self) -> int:
        """How many of them the reported time is of: one over all images, or those of an epoch."""
        return ceil(len(self.labels) / self.batch_size) if self.batch_size else 1

    def arithmetic(self) -> int:
        """The floating-point operations of our full-batch iteration, for one network; those of its products alone.

        A product takes two for each of its terms. The first layer has one forward and one back, and is never asked for
        the gradient at the pixels; the second has three.
        """
        inputs = inputs_of(staircase(self.pixels, self.labels))
        return 4 * HIDDEN * inputs + 6 * HIDDEN * CLASSES * len(self.labels)


def mnist(directory: Path) -> Problem:
    """The 60,000 images to train on, from the published files."""
    images = read_images(directory, "train")
    assert images is not None, "the directory has none of the files"
    return Problem("MNIST, one iteration", images.pixels.reshape(len(images.labels), -1), images.labels)


def in_minibatches(problem: Problem) -> Problem:
    """The same images in minibatches."""
    return replace(problem, case=f"MNIST, one epoch in batches of {MINIBATCH}", batch_size=MINIBATCH)


def digits() -> Problem:
    """All 1797 images."""
    from sklearn.datasets import load_digits  # takes seconds, and the workers don't need it

    pixels, labels = load_digits(return_X_y=True)
    return Problem("digits, one iteration", pixels.astype(np.uint8), labels.astype(np.uint8))
