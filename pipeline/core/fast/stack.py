"""Networks of equal layer sizes, stacked so that one call of NumPy works on all of them.

A layer of K networks is a table (1 + inputs, K, outputs). Its first row holds the biases, as the weights of a constant
input 1, followed by a row for each input. So all networks' weights for an input are contiguous, and with its last two
axes merged, the table is the matrix of one wide layer.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.network import Layer, Network

Stack: TypeAlias = list[Array]  # a table (1 + inputs, K, outputs) per layer


class Scores(NamedTuple):
    """How good K networks are."""

    loss: NDArray[np.float64]  # (K,)
    accuracy: NDArray[np.float64]  # (K,)


class Passes(NamedTuple):
    """The results of one pass of K networks over a batch."""

    gradient: Stack  # of the loss
    is_finite: NDArray[np.bool_]  # (K,), whether the loss is finite: see `is_finite`
    scores: Scores | None  # if requested


def is_finite(loss: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether float32 can represent the losses. The same limit for every precision makes trainings diverge alike."""
    return np.abs(loss) <= np.finfo(np.float32).max


def stack(networks: Sequence[Network]) -> Stack:
    """Stack networks of equal layer sizes."""
    depths = zip(*networks, strict=True)
    return [np.stack([np.vstack([bias, weights]) for weights, bias in layers], axis=1) for layers in depths]


def member(stacked: Stack, k: int) -> Network:
    """A copy of the k-th network of a stack."""
    return tuple(Layer(table[1:, k].copy(), table[0, k].copy()) for table in stacked)


def members(stacked: Stack, chosen: Sequence[int]) -> Stack:
    """A stack of the chosen networks."""
    return [np.ascontiguousarray(table[:, chosen]) for table in stacked]


def descend(stacked: Stack, gradient: Stack, alphas: Array) -> None:
    """Subtract each network's alpha (K,) times its gradient from its parameters, in place; overwrites the gradient."""
    for table, slope in zip(stacked, gradient, strict=True):
        # One factor per column is faster than one per network, unless there is a single network.
        slope *= alphas if len(alphas) == 1 else np.repeat(alphas, table.shape[2]).reshape(table.shape[1:])
        table -= slope
