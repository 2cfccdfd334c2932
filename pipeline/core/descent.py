"""Training: networks that descend together, each along its own trajectory, until their trainings end."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.core.fast.stack import Passes, Scores, Stack, descend, member, members, stack
from pipeline.core.training import Examine, Follower, Progress, Record, Snapshot, Training, Trajectory, is_recorded


class Checkpoint(NamedTuple):
    """All that is needed to go on after the row of an iteration, before the update that follows it."""

    iteration: int
    stacked: Stack  # of the trajectories that go on, in their order
    gradient: Stack
    progress: list[Progress]  # of every trajectory


def train(
    trajectories: Sequence[Trajectory],
    loss_and_gradient: Callable[[Stack, bool], Passes],
    measure: Callable[[Stack], Scores],
    examine: Examine,
    observe: Callable[[int, list[Record]], None],
    keep: Callable[[Checkpoint], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> list[list[Training]]:
    """Follow all trajectories at once, each until its last end or its first loss that is not finite.

    Returns the trainings of each trajectory, one for each of its ends. A training of 100 iterations is the beginning of
    one of 500 from the same network, so together they cost no more than the longest. `loss_and_gradient` evaluates the
    next batch (with scores if a row needs them), and `measure` the validation images. `observe` gets each iteration
    with its new rows.

    `keep` gets a checkpoint at every iteration for which all histories have a row; the next update overwrites its
    arrays. Given a checkpoint, training goes on as if it had never stopped, provided that `loss_and_gradient` skips
    the batches that were used. `observe` first gets all earlier rows at once.
    """
    descent = Descent(trajectories, examine)
    # A diverging network overflows. Its loss shows that, so NumPy need not warn as well.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if checkpoint is not None:
            observe(checkpoint.iteration, descent.restore(checkpoint))
        while descent.active:
            passes = loss_and_gradient(descent.stacked, descent.needs_row())
            observe(descent.iteration, descent.record(passes, measure))
            descent.update(passes.gradient, keep)
    return [follower.trainings for follower in descent.followers]


class Descent:
    """Trajectories on their way down."""

    def __init__(self, trajectories: Sequence[Trajectory], examine: Examine) -> None:
        self.iteration = 0
        self.followers = [Follower(trajectory, examine) for trajectory in trajectories]
        self.active = self.followers  # those that go on
        self.stacked = stack([trajectory.untrained for trajectory in trajectories])  # the networks of those

    def needs_row(self) -> bool:
        """Whether any history needs a row for this iteration."""
        return any(follower.needs_row(self.iteration) for follower in self.active)

    def record(self, passes: Passes, measure: Callable[[Stack], Scores]) -> list[Record]:
        """Record this iteration, and return its rows: one for each follower that needs one and has not diverged."""
        for follower, finite in zip(self.active, passes.is_finite, strict=True):
            if not finite:
                follower.mark_diverged(self.iteration, len(follower.remaining_ends))
        if passes.scores is None:
            return []
        scores = np.array([*passes.scores, *measure(self.stacked)])  # (4, K)
        rows = []
        for place, (follower, values) in enumerate(zip(self.active, scores.T.tolist(), strict=True)):
            if follower.needs_row(self.iteration):
                row = Record(self.iteration, *values)
                if follower.record(Snapshot(row, member(self.stacked, place), member(passes.gradient, place))):
                    rows.append(row)
        return rows

    def update(self, gradient: Stack, keep: Callable[[Checkpoint], None] | None) -> None:
        """Leave out what has ended, offer a checkpoint of the rest, and make one update."""
        staying = [place for place, follower in enumerate(self.active) if follower.remaining_ends]
        if len(staying) < len(self.active):
            self.active = [self.active[place] for place in staying]
            self.stacked, gradient = members(self.stacked, staying), members(gradient, staying)
        if keep and self.active and is_recorded(self.iteration):
            progress = [follower.progress for follower in self.followers]
            keep(Checkpoint(self.iteration, self.stacked, gradient, progress))
        self.step(gradient)

    def step(self, gradient: Stack) -> None:
        """Go to the next iteration."""
        alphas = np.array([follower.alpha for follower in self.active])
        descend(self.stacked, gradient, alphas.astype(self.stacked[0].dtype))
        self.iteration += 1

    def restore(self, checkpoint: Checkpoint) -> list[Record]:
        """Go to the iteration after a checkpoint's, and return all rows so far."""
        for follower, progress in zip(self.followers, checkpoint.progress, strict=True):
            follower.restore(progress)
        self.iteration, self.stacked = checkpoint.iteration, checkpoint.stacked
        self.active = [follower for follower in self.followers if follower.remaining_ends]
        for place, follower in enumerate(self.active):
            networks = (member(stacked, place) for stacked in (self.stacked, checkpoint.gradient))
            follower.last = Snapshot(follower.history[-1], *networks)
        self.step(checkpoint.gradient)
        return [row for follower in self.followers for row in follower.history]
