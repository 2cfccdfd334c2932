"""One training, from the untrained network to its outcome: what is measured on the way, and when it is stopped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Samples
from pipeline.core.descent import State
from pipeline.core.network import Network, measure

Outcome: TypeAlias = Literal["finished", "diverged"]


class Record(NamedTuple):
    """A row of the history: the network after so many updates."""

    iteration: int
    loss: float  # on the training batch that comes next: all training samples, unless there are minibatches
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class Training:
    """What a training ends in."""

    network: Network  # as it was in the history's last row
    history: list[Record]  # finite values only; empty where the untrained network's loss was not finite
    outcome: Outcome
    iterations: int  # the updates made, including the one after which the loss was not finite


def is_recorded(iteration: int) -> bool:
    """Whether the history has a row for it: 0, 1, ..., 99, 100, 110, ..., 990, 1000, 1100, ...

    Those are the numbers of two significant digits: dense where learning is fast, sparse where it is slow. They
    don't depend on where a training ends, so a longer training's history begins with a shorter one's.
    """
    return iteration < 100 or int(str(iteration)[2:]) == 0


def has_finite_parameters(network: Network) -> bool:
    """Whether every weight and bias is a number. One behind a dead ReLU can be infinite and not show in the loss."""
    return all(np.isfinite(parameters).all() for layer in network for parameters in layer)


def train(
    untrained: Network,
    states: Iterator[State],
    validation: Samples,
    iterations: int,
    observe: Callable[[Record], None],
) -> Training:
    """Follow a gradient descent from the `untrained` network, and stop at the first loss that is not finite.

    `observe` is handed each row of the history as it is made. The last iteration always has one.
    """
    network = untrained
    history: list[Record] = []
    # A diverging network overflows on its way. Its loss shows that, so NumPy need not warn as well.
    with np.errstate(over="ignore", invalid="ignore"):
        for state in states:
            if not isfinite(state.loss):
                return Training(network, history, "diverged", state.iteration)
            if not (is_recorded(state.iteration) or state.iteration == iterations):
                continue
            row = Record(state.iteration, state.loss, state.accuracy, *measure(state.network, *validation))
            if not (isfinite(row.validation_loss) and has_finite_parameters(state.network)):
                return Training(network, history, "diverged", state.iteration)
            network = state.network
            history.append(row)
            observe(row)
    return Training(network, history, "finished", iterations)
