"""The first layer's two products with a block of images, which dominate the time of a full batch.

All K networks are multiplied at once, as one wide layer of N = K * H units, since BLAS is fastest on wide products. The
product goes step by step, since each step of the staircase needs fewer inputs than the last. With few units, BLAS would
spend its time on packing: copying the factors into the order in which it reads them. OpenBLAS does not pack small
factors. So a narrow layer multiplies strips of few images, all in one call.
"""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.fast.staircase import STRIP, Step
from pipeline.core.fast.workspace import Workspace

NARROW = 48  # units


def forward(inputs: Array, steps: list[Step], weights: Array, out: Array) -> None:
    """Compute the values (N, m) of m images (inputs, m), with weights (inputs or more, N)."""
    if weights.shape[1] > NARROW:
        for prefix, images in steps:
            np.matmul(weights[:prefix].T, inputs[:prefix, images], out=out[:, images])
        return
    for some, values in zip(in_strips(inputs), in_strips(out), strict=True):
        np.matmul(weights[: len(inputs)].T, some, out=values)


def backward(inputs: Array, steps: list[Step], delta: Array, slope: Array, work: Workspace) -> None:
    """Add the gradient at the weights to `slope` (inputs or more, N), given that at the values, `delta` (N, m)."""
    if len(delta) > NARROW:
        for prefix, images in steps:
            slope[:prefix] += np.matmul(
                inputs[:prefix, images], delta[:, images].T, out=work("slopes", prefix, len(delta))
            )
        return
    rows = work("rows", *delta.T.shape)
    rows[...] = delta.T
    for some, values in zip(in_strips(inputs), in_strips(rows.T), strict=True):
        slopes = work("slopes", *some.shape[:2], len(delta))
        slope[: len(inputs)] += np.matmul(some, values.swapaxes(1, 2), out=slopes).sum(axis=0)


def in_strips(table: Array) -> list[Array]:
    """A table (rows, m) as strips (s, rows, STRIP), and a narrower strip (1, rows, m - s * STRIP) of any remainder."""
    rows, images = table.shape
    whole = images - images % STRIP
    parts = [table[:, :whole].reshape(rows, -1, STRIP).swapaxes(0, 1), table[np.newaxis, :, whole:]]
    return [part for part in parts if part.size]
