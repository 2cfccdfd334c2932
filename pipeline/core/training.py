"""Trainings, from the untrained networks to their outcomes: what is measured on the way, and when each is stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from math import isfinite
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.fast.stack import Passes, Scores, Stack, descend, member, members, stack
from pipeline.core.network import Network
from pipeline.core.vitals import Signs, ratio

Examine: TypeAlias = Callable[[Network, Network, float], Signs]  # of a network, its gradient and alpha


class Record(NamedTuple):
    """A row of the history: the network after so many updates."""

    iteration: int
    loss: float  # on the training batch that comes next: all training samples, unless there are minibatches
    accuracy: float
    validation_loss: float
    validation_accuracy: float


class Vitals(NamedTuple):
    """The vital signs after so many updates."""

    iteration: int
    loss_to_start: float  # the loss over that of the untrained network; infinite where that is 0
    signs: Signs

    def flat(self) -> dict[str, float]:
        """A number for each name: see `Signs.flat`."""
        return {"iteration": self.iteration, "loss_to_start": self.loss_to_start} | self.signs.flat()


@dataclass(frozen=True)
class Training:
    """What a training ends in."""

    network: Network  # as it was in the history's last row
    history: list[Record]  # finite values only; empty where the untrained network's loss was not finite
    vitals: list[Vitals]  # at some of the history's rows, the last of them included
    diverged: bool
    iterations: int  # the updates made, including the one after which the loss was not finite


def is_recorded(iteration: int) -> bool:
    """Whether the history has a row for it: 0, 1, ..., 99, 100, 110, ..., 990, 1000, 1100, ...

    Those are the numbers of two significant digits: dense where learning is fast, sparse where it is slow. They
    don't depend on where a training ends, so a longer training's history begins with a shorter one's.
    """
    return iteration < 100 or int(str(iteration)[2:]) == 0


def is_examined(iteration: int) -> bool:
    """Whether vital signs are taken: at 0 to 9, 10, 20, ..., 90, 100, 200, ..., which all have a row."""
    return int(str(iteration)[1:] or 0) == 0


def has_finite_parameters(network: Network) -> bool:
    """Whether every weight and bias is a number. One behind a dead ReLU can be infinite and not show in the loss."""
    return all(np.isfinite(parameters).all() for layer in network for parameters in layer)


class Trajectory(NamedTuple):
    """One descent, and the iterations at which a training ends on it."""

    untrained: Network
    alpha: float
    ends: Sequence[int]  # rising


class Moment(NamedTuple):
    """A network on its way."""

    row: Record
    network: Network
    gradient: Network


class Follower:
    """What is known of a trajectory so far, and the trainings that have ended on it."""

    def __init__(self, trajectory: Trajectory, examine: Examine) -> None:
        self.alpha = trajectory.alpha
        self.untrained = trajectory.untrained
        self.examine = examine
        self.last: Moment | None = None  # of the history
        self.history: list[Record] = []
        self.vitals: list[Vitals] = []
        self.waiting = list(trajectory.ends)
        self.trainings: list[Training] = []

    def wants_a_row(self, iteration: int) -> bool:
        """Whether a history that goes on has a row for it."""
        return bool(self.waiting) and (is_recorded(iteration) or iteration == self.waiting[0])

    def follow(self, moment: Moment) -> bool:
        """Take a row, if it and the network are finite; whether it was taken.

        A row that stands only in the history of the training that ends there says nothing of those that go on.
        """
        row = moment.row
        if not (isfinite(row.validation_loss) and has_finite_parameters(moment.network)):
            self.lose(row.iteration, len(self.waiting) if is_recorded(row.iteration) else 1)
            return False
        if is_recorded(row.iteration):
            self.last = moment
            self.history = [*self.history, row]
            if is_examined(row.iteration):
                self.vitals = self.vitals_to(moment)
        if row.iteration == self.waiting[0]:
            self.waiting.pop(0)
            history = self.history if is_recorded(row.iteration) else [*self.history, row]
            training = Training(moment.network, history, self.vitals_to(moment), False, row.iteration)
            self.trainings.append(training)
        return True

    def lose(self, iteration: int, trainings: int) -> None:
        """End so many trainings as diverged."""
        network = self.last.network if self.last else self.untrained
        vitals = self.vitals_to(self.last) if self.last else []
        self.trainings += [Training(network, self.history, vitals, True, iteration)] * trainings
        del self.waiting[:trainings]

    def vitals_to(self, moment: Moment) -> list[Vitals]:
        """The vital signs so far, with those of a moment at their end."""
        iteration, loss = moment.row.iteration, moment.row.loss
        if self.vitals and self.vitals[-1].iteration == iteration:
            return self.vitals
        signs = self.examine(moment.network, moment.gradient, self.alpha)
        return [*self.vitals, Vitals(iteration, ratio(loss, self.history[0].loss), signs)]


def train(
    trajectories: Sequence[Trajectory],
    loss_and_gradient: Callable[[Stack, bool], Passes],
    measure: Callable[[Stack], Scores],
    examine: Examine,
    observe: Callable[[int, list[Record]], None],
) -> list[list[Training]]:
    """Follow all trajectories at once, each until its last end or its first loss that is not finite.

    The trainings of each trajectory, one for each of its ends. One of 100 iterations is the beginning of one of 500
    from the same network, so that many cost no more than the longest. `loss_and_gradient` is of the batch that comes
    next, with its scores where a row is made of them, and `measure` of the validation images. `observe` is handed each
    iteration, and the rows made for it.
    """
    followers = going = [Follower(trajectory, examine) for trajectory in trajectories]
    stacked = stack([trajectory.untrained for trajectory in trajectories])
    # A diverging network overflows on its way. Its loss shows that, so NumPy need not warn as well.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for iteration in count():
            wanted = any(follower.wants_a_row(iteration) for follower in going)
            passes = loss_and_gradient(stacked, wanted)
            lose_the_diverged(iteration, going, passes.is_finite)
            rows = []
            if passes.scores is not None:
                scores = np.array([*passes.scores, *measure(stacked)])
                rows = look(iteration, going, stacked, passes.gradient, scores)
            observe(iteration, rows)
            staying = [place for place, follower in enumerate(going) if follower.waiting]
            if not staying:
                break
            gradient = passes.gradient
            if len(staying) < len(going):
                going = [going[place] for place in staying]
                stacked, gradient = members(stacked, staying), members(gradient, staying)
            descend(stacked, gradient, np.array([follower.alpha for follower in going]).astype(stacked[0].dtype))
    return [follower.trainings for follower in followers]


def lose_the_diverged(iteration: int, going: Sequence[Follower], is_finite: NDArray[np.bool_]) -> None:
    """End all trainings of those whose loss is not finite any more."""
    for follower, finite in zip(going, is_finite, strict=True):
        if not finite:
            follower.lose(iteration, len(follower.waiting))


def look(iteration: int, going: Sequence[Follower], stacked: Stack, gradient: Stack, scores: Array) -> list[Record]:
    """Let each follower know what its network, at the same place in the stack, has come to; the new rows.

    `scores` (4, K) are what a row has, beside the iteration.
    """
    rows = []
    for place, (follower, values) in enumerate(zip(going, scores.T.tolist(), strict=True)):
        if follower.wants_a_row(iteration):
            row = Record(iteration, *values)
            if follower.follow(Moment(row, member(stacked, place), member(gradient, place))):
                rows.append(row)
    return rows
