"""The problems: descents of networks with twenty hidden units, on all of MNIST and of scikit-learn's digits."""

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
    """A descent for every implementation."""

    case: str
    pixels: NDArray[np.uint8]  # (n, d)
    labels: NDArray[np.uint8]  # (n,)
    batch_size: int | None = None

    @property
    def affine(self) -> Affine:
        """The map that normalises the pixels."""
        return unit(self.pixels)

    def inputs(self, dtype: str) -> Array:
        """The images as inputs of a network."""
        return self.affine.apply(self.pixels, dtype)

    def networks(self, number: int) -> list[Network]:
        """Untrained networks; the first is the same however many there are."""
        sizes = [self.pixels.shape[1], HIDDEN, CLASSES]
        return [initialise(sizes, "he", 0.0, "float32", np.random.default_rng(seed)) for seed in range(number)]

    def order(self) -> np.random.Generator:
        """A generator that draws the order of minibatches, the same on every call."""
        return np.random.default_rng(0)

    def rows(self) -> Iterator[Array]:
        """The indices of the images of each minibatch in turn."""
        return (
            chosen for chosen, _ in batches(np.arange(len(self.labels)), self.labels, self.batch_size, self.order())
        )

    @property
    def iterations(self) -> int:
        """The number of iterations in the reported time: one over all images, or those of an epoch."""
        return ceil(len(self.labels) / self.batch_size) if self.batch_size else 1

    def arithmetic(self) -> int:
        """The floating-point operations of our full-batch iteration for one network, counting only its matrix products.

        A product takes two for each of its terms. The first layer has one product forward and one back, as no gradient
        at the pixels is needed; the second has three.
        """
        inputs = inputs_of(staircase(self.pixels, self.labels))
        return 4 * HIDDEN * inputs + 6 * HIDDEN * CLASSES * len(self.labels)


def mnist(directory: Path) -> Problem:
    """The 60,000 training images, from the published files."""
    images = read_images(directory, "train")
    assert images is not None, "the files are not in the directory"
    return Problem("MNIST, one iteration", images.pixels.reshape(len(images.labels), -1), images.labels)


def in_minibatches(problem: Problem) -> Problem:
    """The same images in minibatches."""
    return replace(problem, case=f"MNIST, one epoch in batches of {MINIBATCH}", batch_size=MINIBATCH)


def digits() -> Problem:
    """All 1797 images."""
    from sklearn.datasets import load_digits  # takes seconds, and the workers don't need it

    pixels, labels = load_digits(return_X_y=True)
    return Problem("digits, one iteration", pixels.astype(np.uint8), labels.astype(np.uint8))
