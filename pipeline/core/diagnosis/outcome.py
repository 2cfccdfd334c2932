"""What became of a training, in one word."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log2

from pipeline.core.diagnosis.checkup import Checkup
from pipeline.core.diagnosis.curvature import Bends
from pipeline.core.diagnosis.diagnosis import FAILED, Outcome
from pipeline.core.diagnosis.setup import Prescription, Setup, Start
from pipeline.core.training import Record, Training

KNOWS_SOMETHING = 0.5  # of the loss of a network that only knows how frequent each class is
ONE_CLASS = 0.1  # of the entropy of the labels: that of predictions of which about 98 % are one of ten classes
GAIN = 0.02  # of the loss, in the second half of the iterations
READS_ALL = 0.99  # of the images
LEARNED = 0.1  # of the loss of a network that only knows how frequent each class is
LONG = 64  # doublings, beyond which nobody counts them
JUMP = 1.1  # times the loss of the untrained network
OFTEN = 0.25  # of the rows of a history
EASY = 0.9  # of what the nearest class mean recognises, which needs no training


@dataclass(frozen=True)
class Case:
    """All that a diagnosis goes by: what was known before, and what happened."""

    checkup: Checkup
    training: Training
    setup: Setup
    bends_elsewhere: Callable[[Start], Bends]  # where a training with other settings starts

    @property
    def alpha(self) -> float:
        """The alpha that was taken."""
        return self.setup.alpha

    @property
    def batch(self) -> int:
        """The images that an update is made from."""
        return self.batch_of(self.setup)

    def batch_of(self, setup: Setup) -> int:
        """The same with another setup."""
        return setup.batch_size or self.checkup.data.images

    @property
    def is_full_batch(self) -> bool:
        """Whether each update is made from all training images."""
        return self.batch == self.checkup.data.images

    @cached_property
    def curve(self) -> list[float]:
        """The loss in each row: of the training images, or of those that validate, if updates are made from batches.

        The loss of the batch that comes next says little of how far the training is.
        """
        return [row.loss if self.is_full_batch else row.validation_loss for row in self.training.history]

    @property
    def accuracy(self) -> float:
        """The share of the same images, 0 to 1, that are recognised in the end."""
        return self.last.accuracy if self.is_full_batch else self.last.validation_accuracy

    @property
    def last(self) -> Record:
        """The last row; there must be a history."""
        return self.training.history[-1]

    @property
    def first_rise(self) -> int | None:
        """The first iteration at which the loss had risen, or was not finite."""
        rows = zip(pairwise(self.curve), self.training.history[1:], strict=True)
        lost = self.training.iterations if self.training.diverged else None
        return next((row.iteration for (before, now), row in rows if now > before), lost)

    @property
    def is_beyond_stable(self) -> bool:
        """Whether alpha is larger than the stable one."""
        return self.stable_alpha is not None and self.alpha > self.stable_alpha

    @property
    def stable_alpha(self) -> float | None:
        """The alpha below which this descent is stable, if there is one; for a sum, smaller by the number of terms."""
        of_mean = self.checkup.bends.stable_alpha()
        return None if of_mean is None else of_mean / (self.batch if self.setup.reduction == "sum" else 1)

    def bends_with(self, setup: Setup) -> Bends:
        """How strongly the loss bends where a training with a setup starts."""
        return self.checkup.bends if setup.start == self.setup.start else self.bends_elsewhere(setup.start)

    def stable_with(self, changes: Prescription) -> float | None:
        """The same with some settings changed, and smaller where batches are small."""
        setup = self.setup.with_changes(changes)
        batch = self.batch_of(setup)
        of_mean = self.bends_with(setup).stable_alpha(setup.batch_size)
        return None if of_mean is None else of_mean / (batch if setup.reduction == "sum" else 1)


def outcome_of(case: Case) -> Outcome:
    """The outcome.

    - diverged: the loss, or a weight, was no longer finite.
    - collapsed: nearly all predictions are one class, and it knows nothing.
    - converged: it reads all images, or knows something and gains hardly anything from going on.
    - still learning: its loss still fell in the second half of its iterations.
    - stuck: it knows next to nothing, and its loss does not fall.
    """
    if case.training.diverged:
        return "diverged"
    if case.accuracy >= READS_ALL:
        return "converged"
    entropy = case.training.vitals[-1].signs.prediction_entropy
    if not knows(case) and entropy <= ONE_CLASS * case.checkup.data.guess:
        return "collapsed"
    if gain(case) > GAIN:
        return "still learning"
    return "converged" if knows(case) else "stuck"


def gain(case: Case) -> float:
    """By how much of itself the loss fell in the second half of the iterations.

    The smaller of two gains: a network that learns by heart gains on the training images alone.
    """
    history, curve = case.training.history, case.curve
    half = max(place for place, row in enumerate(history) if 2 * row.iteration <= history[-1].iteration)
    on_curve = 1 - curve[-1] / curve[half] if curve[half] else 0.0
    before = history[half].validation_loss
    return min(on_curve, 1 - history[-1].validation_loss / before if before else 0.0)


def iterations_at_this_pace(case: Case) -> float | None:
    """After how many iterations the loss would be small, if it went on as in the second half of them; None if never.

    Losses fall roughly as a power of the iterations: by the same share, each time these double.
    """
    share = gain(case)
    if share <= 0:
        return None
    doublings = log2(case.curve[-1] / (LEARNED * case.checkup.data.guess)) / -log2(1 - share)
    return float(case.last.iteration * 2 ** min(doublings, LONG))


def fails(case: Case) -> bool:
    """Whether it failed, or is about to: an alpha beyond the stable one makes its loss jump or oscillate."""
    if outcome_of(case) in FAILED:
        return True
    rises = sum(now > before for before, now in pairwise(case.curve))
    is_unsteady = jumped(case) or rises > OFTEN * len(case.curve)
    return case.is_beyond_stable and is_unsteady and not knows(case)


def is_poor(case: Case) -> bool:
    """Whether it failed, see `fails`, or recognises fewer images than is easy."""
    return fails(case) or case.last.validation_accuracy < EASY * case.checkup.data.by_nearest_mean


def knows(case: Case) -> bool:
    """Whether a training that did not diverge ended well below the loss of a guess, or recognises many images.

    Where inputs or weights are large, the loss can be high by a few images of whose wrong class the network is sure.
    """
    data = case.checkup.data
    many = max(EASY * data.by_nearest_mean, (1 + data.chance) / 2)
    return has_small_loss(case) or case.last.validation_accuracy >= many


def has_small_loss(case: Case) -> bool:
    """Whether the loss ended well below that of a guess."""
    return case.curve[-1] < KNOWS_SOMETHING * case.checkup.data.guess


def jumped(case: Case) -> bool:
    """Whether the loss was ever well above that of the untrained network, or not finite."""
    return case.training.diverged or max(case.curve) > JUMP * case.curve[0]
