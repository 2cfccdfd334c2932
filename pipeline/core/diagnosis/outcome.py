"""How a training turned out, in one word."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log2

from pipeline.core.diagnosis.checkup import Checkup
from pipeline.core.diagnosis.curvature import Curvature
from pipeline.core.diagnosis.diagnosis import FAILED, Outcome
from pipeline.core.diagnosis.setup import Prescription, Setup, Start
from pipeline.core.training import Record, Training

SMALL_LOSS = 0.5  # of the loss of guessing, see `DataCheck.guess`
ONE_CLASS = 0.1  # of the labels' entropy: with ten classes, about 98 % of the predictions are then the same class
PROGRESS = 0.02  # of the loss, in the second half of the iterations
NEARLY_ALL = 0.99  # of the images
LEARNED = 0.1  # of the loss of guessing
LONG = 64  # doublings: more would be meaningless
JUMP = 1.1  # times the loss of the untrained network
OFTEN = 0.25  # of the rows of a history
EASY = 0.9  # of the accuracy of a nearest-mean classifier, which needs no training


@dataclass(frozen=True)
class Case:
    """Everything that a diagnosis is based on: what was known beforehand, and what happened."""

    checkup: Checkup
    training: Training
    setup: Setup
    curvature_elsewhere: Callable[[Start], Curvature]  # where a training with other settings would start

    @property
    def alpha(self) -> float:
        """The alpha of the training."""
        return self.setup.alpha

    @property
    def batch(self) -> int:
        """The number of images in an update."""
        return self.batch_of(self.setup)

    def batch_of(self, setup: Setup) -> int:
        """The same for another setup."""
        return setup.batch_size or self.checkup.data.images

    @property
    def is_full_batch(self) -> bool:
        """Whether every update uses all training images."""
        return self.batch == self.checkup.data.images

    @cached_property
    def curve(self) -> list[float]:
        """The loss in each row of the history: training loss, or validation loss if there are minibatches.

        The loss of the next minibatch says little about progress.
        """
        return [row.loss if self.is_full_batch else row.validation_loss for row in self.training.history]

    @property
    def accuracy(self) -> float:
        """The final accuracy, 0 to 1, on the images that `curve` is about."""
        return self.last.accuracy if self.is_full_batch else self.last.validation_accuracy

    @property
    def last(self) -> Record:
        """The last row of the history, which must not be empty."""
        return self.training.history[-1]

    @property
    def first_rise(self) -> int | None:
        """The first iteration at which the loss had risen or was not finite."""
        rows = zip(pairwise(self.curve), self.training.history[1:], strict=True)
        lost = self.training.iterations if self.training.diverged else None
        return next((row.iteration for (before, now), row in rows if now > before), lost)

    @property
    def is_beyond_stable(self) -> bool:
        """Whether alpha exceeds the stable alpha."""
        return self.stable_alpha is not None and self.alpha > self.stable_alpha

    @property
    def stable_alpha(self) -> float | None:
        """The alpha below which this descent is stable, if any; for summed gradients, divided by the batch size."""
        of_mean = self.checkup.curvature.stable_alpha()
        return None if of_mean is None else of_mean / (self.batch if self.setup.reduction == "sum" else 1)

    def curvature_with(self, setup: Setup) -> Curvature:
        """The curvature of the loss where a training with this setup starts."""
        return self.checkup.curvature if setup.start == self.setup.start else self.curvature_elsewhere(setup.start)

    def stable_with(self, changes: Prescription) -> float | None:
        """The stable alpha after some changes; it takes small batches into account."""
        setup = self.setup.with_changes(changes)
        batch = self.batch_of(setup)
        of_mean = self.curvature_with(setup).stable_alpha(setup.batch_size)
        return None if of_mean is None else of_mean / (batch if setup.reduction == "sum" else 1)


def outcome_of(case: Case) -> Outcome:
    """The outcome.

    - diverged: the loss or a weight stopped being finite.
    - collapsed: nearly all predictions are one class, and the network has learned nothing.
    - converged: the network recognises all images, or has learned something and hardly improves any more.
    - still learning: the loss still fell in the second half of the iterations.
    - stuck: the network has learned next to nothing, and its loss does not fall.
    """
    if case.training.diverged:
        return "diverged"
    if case.accuracy >= NEARLY_ALL:
        return "converged"
    entropy = case.training.vitals[-1].signs.prediction_entropy
    if not has_learned(case) and entropy <= ONE_CLASS * case.checkup.data.guess:
        return "collapsed"
    if late_progress(case) > PROGRESS:
        return "still learning"
    return "converged" if has_learned(case) else "stuck"


def late_progress(case: Case) -> float:
    """The relative drop of the loss in the second half of the iterations."""
    return 1 - left_of_half(case)


def left_of_half(case: Case) -> float:
    """The final loss, relative to that after half of the iterations.

    It is the larger of two such shares, since a network that memorises improves on the training images alone.
    """
    history, curve = case.training.history, case.curve
    half = max(place for place, row in enumerate(history) if 2 * row.iteration <= history[-1].iteration)
    pairs = (curve[half], curve[-1]), (history[half].validation_loss, history[-1].validation_loss)
    return max(last / before if before else 1.0 for before, last in pairs)


def iterations_at_this_pace(case: Case) -> float | None:
    """The iterations after which the loss would be small, at the pace of the second half; None if never.

    Losses fall roughly as a power of the iterations: by the same factor each time these double.
    """
    left, small = left_of_half(case), LEARNED * case.checkup.data.guess
    if left >= 1:
        return None
    if case.curve[-1] <= small:
        return float(case.last.iteration)
    doublings = log2(case.curve[-1] / small) / -log2(left)
    return float(case.last.iteration * 2 ** min(doublings, LONG))


def fails(case: Case) -> bool:
    """Whether the training failed or is about to: alpha exceeds the stable one, and the loss jumps or oscillates."""
    if outcome_of(case) in FAILED:
        return True
    rises = sum(now > before for before, now in pairwise(case.curve))
    is_unsteady = jumped(case) or rises > OFTEN * len(case.curve)
    return case.is_beyond_stable and is_unsteady and not has_learned(case)


def is_poor(case: Case) -> bool:
    """Whether the training failed, see `fails`, or recognises fewer images than a trivial classifier."""
    return fails(case) or case.last.validation_accuracy < EASY * case.checkup.data.by_nearest_mean


def has_learned(case: Case) -> bool:
    """Whether a training that did not diverge ended well below the loss of guessing, or recognises many images.

    With large inputs or weights, a few confident mistakes can make the loss high.
    """
    data = case.checkup.data
    many = max(EASY * data.by_nearest_mean, (1 + data.chance) / 2)
    return has_small_loss(case) or case.last.validation_accuracy >= many


def has_small_loss(case: Case) -> bool:
    """Whether the loss ended well below that of guessing."""
    return case.curve[-1] < SMALL_LOSS * case.checkup.data.guess


def jumped(case: Case) -> bool:
    """Whether the loss was ever not finite, or well above that of the untrained network."""
    return case.training.diverged or max(case.curve) > JUMP * case.curve[0]
