"""The two matrix products that most of the time goes to: K networks' first layer times a block of images, and back.

One product for all K networks is up to twice as fast as one for each, since it is wide enough for BLAS to be at its
best. But BLAS picks its way by the shape of a product, and each way rounds the last bits otherwise. A network's bits
must not depend on what it is stacked with. So one product is taken only for those shapes for which a trial, before the
first use, finds the bits of the products one by one.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.stack import each_in_one_piece

COLUMNS = 100  # to be tried at least: where few are summed otherwise, they are found among many


class Way(NamedTuple):
    """Whether one product for all networks has the bits of the products one by one."""

    forward: bool
    back: bool


def forward(first: Array, inputs: Array, out: Array, together: bool) -> None:
    """The first layer's values (K, H, m), to `out`, from its weights (c, K, H) and the inputs (c, m) of m images."""
    if together:
        np.matmul(first.reshape(len(first), -1).T, inputs, out=out.reshape(-1, inputs.shape[1]))
    else:
        np.matmul(each_in_one_piece(first).swapaxes(1, 2), inputs, out=out)


def back(inputs: Array, delta: Array, out: Array, together: bool) -> None:
    """The gradient at the weights (c, K, H), to `out`, from the inputs (c, m) and the gradient at the values (K, H, m).

    All arrays are contiguous, here and in `forward`.
    """
    if together:
        np.matmul(inputs, delta.reshape(-1, delta.shape[2]).T, out=out.reshape(len(inputs), -1))
    else:
        np.matmul(inputs, delta.swapaxes(1, 2), out=out.swapaxes(0, 1))


@cache
def way(networks: int, units: int, inputs: int, images: int, dtype: str) -> Way:
    """The way to take for K networks of H units and a block (inputs, images), found by trying it on random numbers."""
    if networks == 1:
        return Way(True, True)
    rng = np.random.default_rng(0)
    trials = [trial(rng, networks, units, inputs, images, dtype) for _ in range(max(1, COLUMNS // (networks * units)))]
    return Way(all(found.forward for found in trials), all(found.back for found in trials))


def trial(rng: np.random.Generator, networks: int, units: int, inputs: int, images: int, dtype: str) -> Way:
    """Whether both products of some random numbers have the same bits on both ways."""
    shapes = (inputs, images), (inputs, networks, units), (networks, units, images)
    x, weights, delta = [rng.random(shape, np.dtype(dtype).type) - np.dtype(dtype).type(0.5) for shape in shapes]
    values, slopes = np.empty((2, *delta.shape), dtype), np.empty((2, *weights.shape), dtype)
    for place, together in enumerate((False, True)):
        forward(weights, x, values[place], together)
        back(x, delta, slopes[place], together)
    return Way(np.array_equal(values[0], values[1]), np.array_equal(slopes[0], slopes[1]))
