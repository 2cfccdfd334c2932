"""Loss and gradient of many networks at once on minibatches, the same batch for all of them.

A batch is one or more blocks that use every pixel (see `block`). Compared with one network at a time, there is one wide
product for all, and images are fetched only once: see `fetching`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.batches import batches
from pipeline.core.fast.block import Networks
from pipeline.core.fast.fetching import fetched_ahead
from pipeline.core.fast.first_layer import NARROW
from pipeline.core.fast.folding import Folding, NoFolding
from pipeline.core.fast.labels import labelled
from pipeline.core.fast.precision import ARITHMETIC, Precision
from pipeline.core.fast.stack import Passes, Stack
from pipeline.core.fast.staircase import IMAGES_IN_A_BLOCK
from pipeline.core.fast.sums import Sums
from pipeline.core.fast.workspace import Workspace
from pipeline.core.network import Reduction
from pipeline.core.normalisation import Affine

STRIP = 32  # images
SMALL = 500_000  # multiplications, of a product that OpenBLAS does not pack: see `first_layer`


class Minibatches:
    """Evaluates networks on endless batches of images (n, d) with labels (n,): see `batches.batches`."""

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        labels: Array,
        affine: Affine,
        precision: Precision,
        batch_size: int,
        rng: np.random.Generator,
        skipped: int = 0,
    ) -> None:
        self.arithmetic = ARITHMETIC[precision]
        self.work = Workspace(self.arithmetic.dtype)
        self.at_once = min(batch_size, IMAGES_IN_A_BLOCK)
        # Exact products need bytes. Otherwise, normalising the images of a batch is cheaper than folding the weights.
        folds = precision == "portable"
        self.folding = Folding(affine, pixels.shape[1], self.at_once, self.arithmetic) if folds else NoFolding()
        inputs_of = source(pixels, None if folds else affine, self.arithmetic.dtype)
        rows = (chosen for chosen, _ in batches(np.arange(len(labels)), labels, batch_size, rng, skipped))
        self.batches = fetched_ahead(rows, batch_size, inputs_of, labels)

    def loss_and_gradient(self, stacked: Stack, reduction: Reduction, with_scores: bool = True) -> Passes:
        """Gradient, loss and accuracy on the next batch, like `network.loss_and_gradient` for a single network."""
        inputs, labels = next(self.batches)
        folded = [self.folding.fold(stacked[0]), *stacked[1:]]
        networks = Networks(folded, self.at_once, self.arithmetic, self.work, with_scores)
        sums = networks.zero()
        for start in range(0, len(labels), self.at_once):
            some = slice(start, start + self.at_once)
            self.add_block(inputs[some], labels[some], networks, sums)
        self.folding.unfold(sums.gradient[0])
        return sums.passes(len(labels), reduction, with_scores)

    def add_block(self, inputs: Array, labels: Array, networks: Networks, sums: Sums) -> None:
        """Add the contributions of some images (m, 1 + d) to the sums."""
        first = networks.first.reshape(len(networks.first), -1)
        strips = in_strips(inputs, first.shape[1])
        rows = self.work("rows", *strips.shape[:2], first.shape[1])
        columns = rows.reshape(len(labels), -1).T
        np.matmul(strips, first, out=rows)
        values = self.work("values", *networks.first.shape[1:], len(labels))
        values[...] = columns.reshape(values.shape)
        delta = networks.slope(values, labelled(labels), sums)
        columns[...] = delta.reshape(columns.shape)
        slope = sums.gradient[0].reshape(first.shape)
        for some in in_pieces(len(inputs), inputs.shape[1], first.shape[1]):
            slope[some] += np.matmul(inputs[:, some].T, columns.T, out=self.work("slope", *slope[some].shape))


def source(pixels: NDArray[np.uint8], affine: Affine | None, dtype: str) -> Callable[[Array], Array]:
    """A function from indices to inputs (m, 1 + d): the constant 1, then pixels, normalised if `affine` is given."""
    images = np.insert(pixels, 0, 1, axis=1)
    if affine is None:
        return lambda chosen: images[chosen].astype(dtype)
    shift, scale = (np.broadcast_to(values, pixels.shape[1]) for values in affine)
    behind_a_constant = Affine(np.insert(shift, 0, 0.0), np.insert(scale, 0, 1.0))
    return lambda chosen: behind_a_constant.apply(images[chosen], dtype)


def in_pieces(images: int, inputs: int, units: int) -> list[slice]:
    """All inputs, in pieces for a narrow layer."""
    size = SMALL // (images * units) if units <= NARROW else inputs
    return [slice(start, start + size) for start in range(0, inputs, size)]


def in_strips(inputs: Array, units: int) -> Array:
    """Inputs (m, 1 + d) as (s, m / s, 1 + d): strips for a narrow layer, as in `first_layer`."""
    fits = units <= NARROW and len(inputs) % STRIP == 0
    return inputs.reshape(-1, STRIP if fits else len(inputs), inputs.shape[1])
