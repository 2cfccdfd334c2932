"""Loss and gradient of many networks at once on one batch of images after the other, all on the same one.

A batch is a block (see `block`) in which every pixel is needed, so its images are normalised themselves. What is gained
over one network after the other is one wide product for all, and that the images are fetched once.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.block import Sums, Workspace, score_and_slope
from pipeline.core.descent import batches
from pipeline.core.labels import labelled
from pipeline.core.network import Reduction
from pipeline.core.normalisation import Affine
from pipeline.core.stack import Passes, Scores, Stack


class Minibatches:
    """Images (n, d) and their labels (n,), in batches without end: see `descent.batches`."""

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        labels: Array,
        affine: Affine,
        dtype: str,
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        self.affine = affine
        self.batches = batches(pixels, labels, batch_size, rng)
        self.work = Workspace(dtype)

    def loss_and_gradient(self, stacked: Stack, reduction: Reduction) -> Passes:
        """Loss, accuracy and gradient on the next batch, as `network.loss_and_gradient` finds them for one network."""
        pixels, labels = next(self.batches)
        images = len(labels)
        inputs = self.work("inputs", 1 + pixels.shape[1], images)
        inputs[0] = 1
        inputs[1:] = self.affine.apply(pixels, self.work.dtype).T

        first, *others = stacked
        sums = Sums.zero([first[:0], *others])  # the first layer's gradient needs no sum: there is one block
        sums.gradient[0] = score_and_slope(inputs, labelled(labels), first, others, sums, self.work)
        if reduction == "mean":
            for slope in sums.gradient:
                slope /= images
        return Passes(Scores(sums.loss / images, sums.right / images), sums.gradient)
