"""The causes that a diagnosis tells apart: for each its test, its sentence, and what mends it.

Mistakes in the code are those of people's networks, and what is wrong from the start in `hindrances`. They stand in the
order in which they are asked for. A mistake in the code or the data comes before a setting, since no setting mends it;
and what is wrong at the start before what follows from it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.core.diagnosis.catalogue import IN_THE_CODE
from pipeline.core.diagnosis.diagnosis import FAILED
from pipeline.core.diagnosis.hindrances import (
    FAR_TOO_SMALL,
    HINDRANCES,
    Hindrance,
    hindrances,
    in_other_layers,
    is_absurd,
    to_blame,
    without,
)
from pipeline.core.diagnosis.outcome import (
    Case,
    fails,
    has_small_loss,
    is_poor,
    iterations_at_this_pace,
    jumped,
    outcome_of,
)
from pipeline.core.diagnosis.prescription import prescribed, rounded_up, smaller_alpha, stable_on_the_way
from pipeline.core.diagnosis.setup import Prescription
from pipeline.core.diagnosis.words import (
    against_stable,
    change,
    dead_in_the_end,
    overflow,
    pace,
    then_alpha,
    wrong_gradient,
)

MOSTLY = 0.9  # of a layer's units
LONGER, LONGEST = 2, 20  # times the iterations that were made
RISEN = 1.5  # times the least validation loss
SOME = 10  # rows of a history
FALLEN = 0.7  # of the training loss when that was


class Found(NamedTuple):
    """A cause that holds."""

    since: int  # the iteration at which it first showed
    sentence: str  # what happened, with the numbers that show it
    prescription: Prescription  # the settings that mend it
    advice: str = ""  # what no setting mends


def in_the_code(name: str) -> Callable[[Case], Found | None]:
    """The cause that is a mistake in the code, whatever came of it; the first of those that were found."""

    def cause(case: Case) -> Found | None:
        first = next(iter(case.checkup.code.findings), None)
        if first is None or first.cause != name:
            return None
        said = f"{first.evidence}{wrong_gradient(case)}{overflow(case)}{change(case)}"
        return Found(0, said, {}, f"{first.advice}.{then_alpha(case)}")

    return cause


def softmax_unshifted(case: Case) -> Found | None:
    """The softmax takes exp of the logits as they are, and they became too large; harmless where they did not."""
    if not (case.checkup.code.overflows and case.training.diverged):
        return None
    return Found(
        case.training.iterations,
        f"The softmax takes exp of the logits as they are, which overflows above 709.{overflow(case)}{change(case)}",
        {},
        "Take each row's largest logit off the row before `np.exp`: the softmax stays the same, and no exponent is "
        f"above 0.{then_alpha(case)}",
    )


def labels_constant(case: Case) -> Found | None:
    """There is only one class to learn."""
    data = case.checkup.data
    if len(data.present) != 1:
        return None
    return Found(
        0,
        f"All {data.images} training labels are {data.present[0]}: there is nothing to tell apart.",
        {},
        "Look at the labels, and at the code that reads them.",
    )


def class_missing(case: Case) -> Found | None:
    """A class has no training image."""
    missing = [str(k) for k, count in enumerate(case.checkup.data.counts) if count == 0]
    if not missing:
        return None
    return Found(
        0,
        f"No training image is of class {', '.join(missing)}: the network can't learn to predict it.",
        {},
        "Add images of it, or number the classes that there are from 0 on.",
    )


def data_scrambled(case: Case) -> Found | None:
    """Labels have nothing to do with their images."""
    data, even = case.checkup.data, 1 / len(case.checkup.data.present)
    by_network = case.last.validation_accuracy if case.training.history else 0.0
    is_chance = data.by_nearest_mean < even + data.margin(even) and by_network < data.chance + data.margin(data.chance)
    could_be_told = even + data.margin(even) < (1 + even) / 2
    if not (is_chance and could_be_told):
        return None
    return Found(
        0,
        "The labels have nothing to do with the images: even the nearest class mean, which needs no training, "
        f"recognises {data.by_nearest_mean:.0%} of a class on average, where {even:.0%} is chance.",
        {},
        "Look at a few images with their labels: were both sorted, shuffled or cut in the same way?",
    )


def in_the_way(hindrance: Hindrance) -> Callable[[Case], Found | None]:
    """The cause that is a hindrance in the setup, where that is to blame for a failure."""

    def cause(case: Case) -> Found | None:
        is_ill = is_poor(case) or (is_absurd(case) and not has_small_loss(case))
        if not is_ill or to_blame(case) != hindrance.name:
            return None
        said = f"{hindrance.said(case)}{against_stable(case)}{change(case)}{dead_in_the_end(case)}"
        return Found(case.first_rise or 0, said, prescribed(case))

    return cause


def alpha_too_large(case: Case) -> Found | None:
    """Updates overshoot: the loss jumps or oscillates, and the units that end up off for all images stay so."""
    overshoots = jumped(case) or (case.is_beyond_stable and case.first_rise is not None)
    if not overshoots or is_dead(case, 0) or not fails(case):
        return None
    return Found(
        case.first_rise or 0,
        f"alpha is too large: updates overshoot.{against_stable(case)}{change(case)}{dead_in_the_end(case)}",
        prescribed(case, {"alpha": smaller_alpha(case, without(hindrances(case)))}),
    )


def dead_relus(case: Case) -> Found | None:
    """A layer is off for all images, so nothing passes it, forwards or backwards."""
    since = next((at.iteration for at in case.training.vitals if is_dead(case, at.iteration)), None)
    if since is None or outcome_of(case) not in FAILED:
        return None
    changes: Prescription = {"init": "he"} | in_other_layers(case)
    if since:  # they died of their updates
        changes["alpha"] = smaller_alpha(case, without(hindrances(case)) | changes)
    return Found(
        since,
        f"Hidden units are dead: they are off for every image, so no gradient reaches them.{dead_in_the_end(case)}",
        prescribed(case, changes),
    )


def alpha_too_small(case: Case) -> Found | None:
    """It learns, but at this pace it takes far too long."""
    if case.training.diverged or not is_poor(case):
        return None
    stable = stable_on_the_way(case, without(hindrances(case)))
    if stable is None or case.alpha >= FAR_TOO_SMALL * stable:
        return None
    return Found(
        0,
        f"alpha is too small: it still learns, but slowly.{against_stable(case)}{change(case)}{pace(case)}",
        prescribed(case),
    )


def overfitting(case: Case) -> Found | None:
    """The validation images are unlearned, while those that it is trained on are learned by heart.

    A validation loss that rises is not enough: that of a network which grows surer of all its answers does, too, while
    as many of them are right.
    """
    if case.training.diverged:
        return None
    history, data = case.training.history, case.checkup.data
    place, best = min(enumerate(history), key=lambda row: row[1].validation_loss)
    is_worse = case.last.validation_accuracy < best.validation_accuracy - data.margin(best.validation_accuracy)
    rises = case.last.validation_loss > RISEN * best.validation_loss
    if not (place > 0 and is_worse and rises and loss_around(case, -1) < FALLEN * loss_around(case, place)):
        return None
    return Found(
        best.iteration,
        f"It overfits: since iteration {best.iteration}, the validation loss rose from {best.validation_loss:.3g} to "
        f"{case.last.validation_loss:.3g}, and the loss of the images that it is trained on fell to "
        f"{loss_around(case, -1):.3g}.",
        {"iterations": best.iteration},
    )


def too_few_iterations(case: Case) -> Found | None:
    """It learns at a good pace, and ended too early."""
    pace_to_the_end = None if case.training.diverged else iterations_at_this_pace(case)
    if outcome_of(case) != "still learning" or not is_poor(case) or pace_to_the_end is None:
        return None
    now = case.last.iteration
    enough = rounded_up(min(max(pace_to_the_end, LONGER * now), LONGEST * now))
    return Found(
        0,
        f"The iterations are too few: it still learns.{change(case)}{pace(case)}",
        prescribed(case, {"iterations": enough}),
    )


def unknown(case: Case) -> Found | None:
    """It failed for none of these reasons."""
    if not is_poor(case):
        return None
    other = in_other_layers(case)
    return Found(
        0,
        f"It failed, for no cause that is known here.{change(case)}{against_stable(case)}{dead_in_the_end(case)}",
        prescribed(case, other | {"alpha": smaller_alpha(case, without(hindrances(case)) | other)}),
        "Look at the images and labels.",
    )


CAUSES: dict[str, Callable[[Case], Found | None]] = {
    **{name: in_the_code(name) for name in IN_THE_CODE},
    softmax_unshifted.__name__: softmax_unshifted,
    **{cause.__name__: cause for cause in (labels_constant, class_missing, data_scrambled)},
    **{hindrance.name: in_the_way(hindrance) for hindrance in HINDRANCES},
    **{
        cause.__name__: cause
        for cause in (alpha_too_large, dead_relus, alpha_too_small, too_few_iterations, overfitting, unknown)
    },
}


def is_dead(case: Case, iteration: int) -> bool:
    """Whether nearly all of a layer's units were off for every image at an iteration that was examined."""
    signs = next((vitals.signs for vitals in case.training.vitals if vitals.iteration == iteration), None)
    return signs is not None and max(signs.dead_units) >= MOSTLY


def loss_around(case: Case, place: int) -> float:
    """The mean training loss of some rows of the history that end at a place: that of one batch says little."""
    place %= len(case.training.history)
    return float(np.mean([row.loss for row in case.training.history[max(0, place - SOME) : place + 1]]))
