"""Networks of equal layer sizes as one: what can be done to all of them takes one call of NumPy.

A layer of K networks is a table (1 + inputs, K, outputs). Its first row are the biases, which are the weights of a
constant input 1, and behind it there is a row for each input. So the weights of all networks for one input lie side by
side, and the table is, with its last two axes taken together, the matrix of one wide layer.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.network import Layer, Network

Stack: TypeAlias = list[Array]  # a table (1 + inputs, K, outputs) for each layer


class Scores(NamedTuple):
    """How good K networks are."""

    loss: NDArray[np.float64]  # (K,)
    accuracy: NDArray[np.float64]  # (K,)


class Passes(NamedTuple):
    """What one pass of K networks over a batch finds out."""

    gradient: Stack  # of the loss
    is_finite: NDArray[np.bool_]  # (K,), whether the loss is: see `is_finite`
    scores: Scores | None  # if they were asked for


def is_finite(loss: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether losses are numbers that float32 can hold: in any precision, a training diverges at the same point."""
    return np.abs(loss) <= np.finfo(np.float32).max


def stack(networks: Sequence[Network]) -> Stack:
    """Networks of equal layer sizes as one."""
    depths = zip(*networks, strict=True)
    return [np.stack([np.vstack([bias, weights]) for weights, bias in layers], axis=1) for layers in depths]


def member(stacked: Stack, k: int) -> Network:
    """A copy of the k-th network of a stack."""
    return tuple(Layer(table[1:, k].copy(), table[0, k].copy()) for table in stacked)


def members(stacked: Stack, chosen: Sequence[int]) -> Stack:
    """A stack of the chosen networks of another."""
    return [np.ascontiguousarray(table[:, chosen]) for table in stacked]


def descend(stacked: Stack, gradient: Stack, alphas: Array) -> None:
    """Subtract each network's alpha (K,) times its gradient from its parameters, in place; the gradient is used up."""
    for table, slope in zip(stacked, gradient, strict=True):
        # A factor for each column, which is faster than one for each network, unless there is but one.
        slope *= alphas if len(alphas) == 1 else np.repeat(alphas, table.shape[2]).reshape(table.shape[1:])
        table -= slope
