"""Folds the normalisation into the first layer, so that images can stay bytes.

x = (pixels - shift) / scale is affine, and so is the layer that takes x: x @ W + b = pixels @ V + c, with
V = W / scale and c = b - shift @ V. There are far fewer weights than pixels, and zeros stay zeros. c is the weight of a
constant input 1 in front of the pixels.
"""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.fast.exact import PIXEL, digits_of_first_layer, largest, slices
from pipeline.core.fast.precision import Arithmetic
from pipeline.core.normalisation import Affine


class Folding:
    """Folds a normalisation of d pixels into layers (1 + d, K, H), for blocks of at most `images` images."""

    def __init__(self, affine: Affine, width: int, images: int, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        self.digits = digits_of_first_layer(1 + width, images).weights
        self.slices = slices(np.broadcast_to(affine.shift, width), PIXEL).astype(arithmetic.dtype)
        self.shift = affine.shift.astype(arithmetic.dtype).reshape(-1, 1, 1)
        self.inverse = (1 / affine.scale).astype(arithmetic.dtype).reshape(-1, 1, 1)

    def fold(self, table: Array) -> Array:
        """The layer as a function of raw pixels, rounded."""
        folded = np.empty_like(table)
        weights = np.multiply(table[1:], self.inverse, out=folded[1:])
        folded[0] = table[0]
        if len(self.slices):
            self.round(weights)
            for of_slice in self.slices @ weights.reshape(len(weights), -1):
                folded[0] -= of_slice.reshape(folded[0].shape)
        self.round(folded)
        return folded

    def round(self, table: Array) -> None:
        """Round each network's weights (inputs, K, H)."""
        self.arithmetic.round_to(table.swapaxes(0, 1), self.digits, largest)

    def unfold(self, slope: Array) -> Array:
        """Turn the gradient at the folded weights into that at the layer's own, in place: the chain rule for `fold`."""
        if len(self.slices):
            slope[1:] -= self.shift * slope[0]
        slope[1:] *= self.inverse
        return slope


class NoFolding:
    """Folds nothing, for inputs that are already normalised."""

    def fold(self, table: Array) -> Array:
        """The layer, unchanged."""
        return table

    def unfold(self, slope: Array) -> Array:
        """The gradient, unchanged."""
        return slope
