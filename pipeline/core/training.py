"""What is measured along a training, and how trainings end. The updates are in `descent`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple, TypeAlias

import numpy as np

from pipeline.core.network import Network
from pipeline.core.vitals import Signs, ratio

Examine: TypeAlias = Callable[[Network, Network, float], Signs]  # takes a network, its gradient and alpha


class Record(NamedTuple):
    """A row of the history: how good the network is after this many updates."""

    iteration: int
    loss: float  # on the next training batch: all training samples, unless there are minibatches
    accuracy: float
    validation_loss: float
    validation_accuracy: float


class Vitals(NamedTuple):
    """The vital signs after this many updates."""

    iteration: int
    loss_to_start: float  # the loss divided by that of the untrained network; infinite where that is 0
    signs: Signs

    def flat(self) -> dict[str, float]:
        """One number per name: see `Signs.flat`."""
        return {"iteration": self.iteration, "loss_to_start": self.loss_to_start} | self.signs.flat()

    @classmethod
    def from_flat(cls, numbers: Mapping[str, float]) -> "Vitals":
        """The inverse of `flat`."""
        return cls(int(numbers["iteration"]), numbers["loss_to_start"], Signs.from_flat(numbers))


@dataclass(frozen=True)
class Training:
    """The result of a training."""

    network: Network  # as of the last row of the history
    history: list[Record]  # finite values only; empty if the untrained network's loss was not finite
    vitals: list[Vitals]  # for some rows of the history, always including the last
    diverged: bool
    iterations: int  # updates made, including the one that made the loss infinite or NaN

    @property
    def final_accuracy(self) -> float:
        """The validation accuracy of the trained network, 0 to 1; 0 after a divergence."""
        return 0.0 if self.diverged else self.history[-1].validation_accuracy


def is_recorded(iteration: int) -> bool:
    """Whether the history has a row for this iteration: 0, 1, ..., 99, 100, 110, ..., 990, 1000, 1100, ...

    Those are the numbers with two significant digits: dense while learning is fast, sparse while it is slow. They
    don't depend on when a training ends, so the history of a longer training begins with that of a shorter one.
    """
    return iteration < 100 or int(str(iteration)[2:]) == 0


def is_examined(iteration: int) -> bool:
    """Whether vital signs are measured: at 0 to 9, 10, 20, ..., 90, 100, 200, ..., which all have a row."""
    return int(str(iteration)[1:] or 0) == 0


def has_finite_parameters(network: Network) -> bool:
    """Whether all weights and biases are finite. Behind a dead ReLU, an infinite one does not affect the loss."""
    return all(np.isfinite(parameters).all() for layer in network for parameters in layer)


class Trajectory(NamedTuple):
    """A descent, and the iterations at which trainings on it end."""

    untrained: Network
    alpha: float
    ends: Sequence[int]  # ascending


class Progress(NamedTuple):
    """What one trajectory has given so far."""

    history: list[Record]
    vitals: list[Vitals]
    trainings: list[Training]  # that have ended


class Snapshot(NamedTuple):
    """A network during training."""

    row: Record
    network: Network
    gradient: Network


class Follower:
    """Follows one trajectory: its records so far, and the trainings that have ended on it."""

    def __init__(self, trajectory: Trajectory, examine: Examine) -> None:
        self.alpha = trajectory.alpha
        self.untrained = trajectory.untrained
        self.examine = examine
        self.last: Snapshot | None = None  # that is in the history
        self.history: list[Record] = []
        self.vitals: list[Vitals] = []
        self.remaining_ends = list(trajectory.ends)
        self.trainings: list[Training] = []

    @property
    def progress(self) -> Progress:
        """What was recorded so far."""
        return Progress(self.history, self.vitals, self.trainings)

    def restore(self, progress: Progress) -> None:
        """Take over what was recorded earlier."""
        self.history, self.vitals, self.trainings = progress
        del self.remaining_ends[: len(self.trainings)]

    def needs_row(self, iteration: int) -> bool:
        """Whether a training that is still running needs a row for this iteration."""
        return bool(self.remaining_ends) and (is_recorded(iteration) or iteration == self.remaining_ends[0])

    def record(self, snapshot: Snapshot) -> bool:
        """Record a row if it and the network are finite; return whether it was recorded.

        If only the training that ends here needs the row, the others go on regardless.
        """
        row = snapshot.row
        if not (isfinite(row.validation_loss) and has_finite_parameters(snapshot.network)):
            self.mark_diverged(row.iteration, len(self.remaining_ends) if is_recorded(row.iteration) else 1)
            return False
        if is_recorded(row.iteration):
            self.last = snapshot
            self.history = [*self.history, row]
            if is_examined(row.iteration):
                self.vitals = self.vitals_up_to(snapshot)
        if row.iteration == self.remaining_ends[0]:
            self.remaining_ends.pop(0)
            history = self.history if is_recorded(row.iteration) else [*self.history, row]
            training = Training(snapshot.network, history, self.vitals_up_to(snapshot), False, row.iteration)
            self.trainings.append(training)
        return True

    def mark_diverged(self, iteration: int, n: int) -> None:
        """Mark the next n trainings as diverged."""
        network = self.last.network if self.last else self.untrained
        vitals = self.vitals_up_to(self.last) if self.last else []
        self.trainings += [Training(network, self.history, vitals, True, iteration)] * n
        del self.remaining_ends[:n]

    def vitals_up_to(self, snapshot: Snapshot) -> list[Vitals]:
        """The vital signs so far, up to and including this snapshot."""
        iteration, loss = snapshot.row.iteration, snapshot.row.loss
        if self.vitals and self.vitals[-1].iteration == iteration:
            return self.vitals
        signs = self.examine(snapshot.network, snapshot.gradient, self.alpha)
        return [*self.vitals, Vitals(iteration, ratio(loss, self.history[0].loss), signs)]
