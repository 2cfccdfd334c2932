"""From pixels to network inputs: an affine map, x = (pixels - shift) / scale, fitted to the training images.

The map is stored beside the pixels, and only `Affine.apply` applies it. The pixels stay integers, which take an eighth
to a quarter of the memory, and nothing is rounded before it is used.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array


class Affine(NamedTuple):
    """x = (pixels - shift) / scale."""

    shift: Array  # float64, one number () or one per pixel (d,)
    scale: Array  # the same; never 0

    def apply(self, pixels: Array, dtype: str) -> Array:
        """The network's inputs (n, d) for pixels (n, d), computed in `dtype`."""
        x: Array = np.subtract(pixels, self.shift.astype(dtype), dtype=dtype)
        x /= self.scale.astype(dtype)
        return x


def unit(pixels: Array) -> Affine:
    """Map the darkest training pixel to 0 and the brightest to 1. Raises ValueError if all are equal."""
    darkest, brightest = float(pixels.min()), float(pixels.max())
    if darkest == brightest:
        raise ValueError(f"every pixel of the training images is {darkest:g}, so there is no range to map to [0, 1]")
    return Affine(np.array(darkest), np.array(brightest - darkest))


def standard(pixels: Array) -> Affine:
    """Map each pixel to mean 0 and standard deviation 1 over the training images, and constant pixels to 0.

    Sums of integers are exact, so the map is the same on every processor.
    """
    count = len(pixels)
    total = pixels.sum(axis=0, dtype=np.int64)
    of_squares = np.square(pixels, dtype=np.uint16).sum(axis=0, dtype=np.int64)
    deviation = np.sqrt(count * of_squares - total**2) / count
    return Affine(total / count, np.where(deviation > 0, deviation, 1.0))


def divide_255(_pixels: Array) -> Affine:
    """Divide by 255, whatever the range of the pixels: [0, 1] for most images, a sixteenth of that for `digits`."""
    return Affine(np.array(0.0), np.array(255.0))


def none(_pixels: Array) -> Affine:
    """Leave the pixels unchanged."""
    return Affine(np.array(0.0), np.array(1.0))


METHODS: dict[str, Callable[[Array], Affine]] = {
    method.__name__: method for method in (unit, standard, divide_255, none)
}
