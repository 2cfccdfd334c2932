"""The causes that a diagnosis distinguishes: a test, a sentence and a fix for each.

The order matters, since the first cause that applies is named. Mistakes in the code or the data come before settings,
because no setting fixes them. What is wrong at the start (`hindrances`) comes before its consequences.
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
    fixes_for,
    hindrance_to_blame,
    hindrances,
    is_absurd,
    resized_layers,
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
from pipeline.core.diagnosis.prescription import prescribed, rounded_up, smaller_alpha, stable_alpha_after
from pipeline.core.diagnosis.setup import Prescription
from pipeline.core.diagnosis.words import (
    alpha_after_fix,
    alpha_vs_stable,
    dead_units_at_end,
    loss_change,
    overflow,
    pace,
    wrong_gradient,
)

MOSTLY = 0.9  # of a layer's units
LONGER, LONGEST = 2, 20  # times the iterations so far
RISEN = 1.5  # times the lowest validation loss
SOME = 10  # rows of a history
FALLEN = 0.7  # of the training loss at that point


class Found(NamedTuple):
    """A cause that applies."""

    since: int  # the iteration at which it first showed
    sentence: str  # what happened, with numbers as evidence
    prescription: Prescription  # the settings that fix it
    advice: str = ""  # what to do beyond settings


def code_cause(name: str) -> Callable[[Case], Found | None]:
    """A mistake in the code, however the training went. It applies if it is the first finding."""

    def cause(case: Case) -> Found | None:
        first = next(iter(case.checkup.code.findings), None)
        if first is None or first.cause != name:
            return None
        text = f"{first.evidence}{wrong_gradient(case)}{overflow(case)}{loss_change(case)}"
        return Found(0, text, {}, f"{first.advice.removesuffix('.')}.{alpha_after_fix(case)}")

    return cause


def softmax_unshifted(case: Case) -> Found | None:
    """The softmax does not shift its logits, and they grew until exp overflowed. Harmless while they stay small."""
    if not (case.checkup.code.overflows and case.training.diverged):
        return None
    return Found(
        case.training.iterations,
        f"The softmax does not shift its logits, so `exp` overflows above 709.{overflow(case)}{loss_change(case)}",
        {},
        "Subtract each row's maximum before `np.exp`: the softmax stays the same, and no exponent exceeds 0."
        f"{alpha_after_fix(case)}",
    )


def labels_constant(case: Case) -> Found | None:
    """There is only one class to learn."""
    data = case.checkup.data
    if len(data.present) != 1:
        return None
    return Found(
        0,
        f"All {data.images} training labels are {data.present[0]}, so there is nothing to learn.",
        {},
        "Check the labels, and the code that reads them.",
    )


def class_missing(case: Case) -> Found | None:
    """A class has no training image."""
    missing = [str(k) for k, count in enumerate(case.checkup.data.counts) if count == 0]
    if not missing:
        return None
    return Found(
        0,
        f"No training image belongs to class {', '.join(missing)}, so the network can't learn to predict it.",
        {},
        "Add images of it, or renumber the remaining classes from 0.",
    )


def data_scrambled(case: Case) -> Found | None:
    """The labels are unrelated to their images."""
    data, even = case.checkup.data, 1 / len(case.checkup.data.present)
    by_network = case.last.validation_accuracy if case.training.history else 0.0
    is_chance = data.by_nearest_mean < even + data.margin(even) and by_network < data.chance + data.margin(data.chance)
    could_be_told = even + data.margin(even) < (1 + even) / 2
    if not (is_chance and could_be_told):
        return None
    return Found(
        0,
        "The labels are unrelated to the images: a nearest-mean classifier, which needs no training, "
        f"recognises {data.by_nearest_mean:.0%} of each class on average, and chance is {even:.0%}.",
        {},
        "Look at a few images with their labels: were both sorted, shuffled and cut in the same way?",
    )


def hindrance_cause(hindrance: Hindrance) -> Callable[[Case], Found | None]:
    """A hindrance in the setup, if it is to blame for a failure."""

    def cause(case: Case) -> Found | None:
        is_ill = is_poor(case) or (is_absurd(case) and not has_small_loss(case))
        if not is_ill or hindrance_to_blame(case) != hindrance.name:
            return None
        text = f"{hindrance.sentence_for(case)}{alpha_vs_stable(case)}{loss_change(case)}{dead_units_at_end(case)}"
        return Found(case.first_rise or 0, text, prescribed(case))

    return cause


def alpha_too_large(case: Case) -> Found | None:
    """Updates overshoot: the loss jumps or oscillates, and units can die for good."""
    overshoots = jumped(case) or (case.is_beyond_stable and case.first_rise is not None)
    if not overshoots or is_dead(case, 0) or not fails(case):
        return None
    return Found(
        case.first_rise or 0,
        f"alpha is too large: updates overshoot.{alpha_vs_stable(case)}{loss_change(case)}{dead_units_at_end(case)}",
        prescribed(case, {"alpha": smaller_alpha(case, fixes_for(hindrances(case)))}),
    )


def dead_relus(case: Case) -> Found | None:
    """A layer is off for every image, so neither signal nor gradient passes through it."""
    since = next((at.iteration for at in case.training.vitals if is_dead(case, at.iteration)), None)
    if since is None or outcome_of(case) not in FAILED:
        return None
    changes: Prescription = {"init": "he"} | resized_layers(case)
    if since:  # updates killed them
        changes["alpha"] = smaller_alpha(case, fixes_for(hindrances(case)) | changes)
    return Found(
        since,
        f"Hidden units are dead: they are off for every image, so they get no gradient.{dead_units_at_end(case)}",
        prescribed(case, changes),
    )


def alpha_too_small(case: Case) -> Found | None:
    """The network learns, but far too slowly."""
    if case.training.diverged or not is_poor(case):
        return None
    stable = stable_alpha_after(case, fixes_for(hindrances(case)))
    if stable is None or case.alpha >= FAR_TOO_SMALL * stable:
        return None
    return Found(
        0,
        f"alpha is too small: the network learns, but slowly.{alpha_vs_stable(case)}{loss_change(case)}{pace(case)}",
        prescribed(case),
    )


def overfitting(case: Case) -> Found | None:
    """Validation accuracy drops while the network memorises the training images.

    A rising validation loss is not enough: it also rises when a network grows more confident at constant accuracy.
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
        f"The network overfits: since iteration {best.iteration}, the validation loss has risen from "
        f"{best.validation_loss:.3g} to {case.last.validation_loss:.3g}, while the training loss has fallen to "
        f"{loss_around(case, -1):.3g}.",
        {"iterations": best.iteration},
    )


def too_few_iterations(case: Case) -> Found | None:
    """The network was learning at a good pace when training ended."""
    if outcome_of(case) != "still learning" or not is_poor(case):
        return None
    now, pace_to_the_end = case.last.iteration, iterations_at_this_pace(case) or 0.0
    enough = rounded_up(min(max(pace_to_the_end, LONGER * now), LONGEST * now))
    return Found(
        0,
        f"Training ended too early: the network is still learning.{loss_change(case)}{pace(case)}",
        prescribed(case, {"iterations": enough}),
    )


def unknown(case: Case) -> Found | None:
    """Training failed for none of these reasons."""
    if not is_poor(case):
        return None
    other = resized_layers(case)
    return Found(
        0,
        "Training failed, and no known cause applies."
        f"{loss_change(case)}{alpha_vs_stable(case)}{dead_units_at_end(case)}",
        prescribed(case, other | {"alpha": smaller_alpha(case, fixes_for(hindrances(case)) | other)}),
        "Check the images and labels.",
    )


CAUSES: dict[str, Callable[[Case], Found | None]] = {
    **{name: code_cause(name) for name in IN_THE_CODE},
    softmax_unshifted.__name__: softmax_unshifted,
    **{cause.__name__: cause for cause in (labels_constant, class_missing, data_scrambled)},
    **{hindrance.name: hindrance_cause(hindrance) for hindrance in HINDRANCES},
    **{
        cause.__name__: cause
        for cause in (alpha_too_large, dead_relus, alpha_too_small, too_few_iterations, overfitting, unknown)
    },
}


def is_dead(case: Case, iteration: int) -> bool:
    """Whether nearly all units of some layer were off for every image at an examined iteration."""
    signs = next((vitals.signs for vitals in case.training.vitals if vitals.iteration == iteration), None)
    return signs is not None and max(signs.dead_units) >= MOSTLY


def loss_around(case: Case, place: int) -> float:
    """The mean training loss of the last few rows up to `place`, since the loss of one batch says little."""
    place %= len(case.training.history)
    return float(np.mean([row.loss for row in case.training.history[max(0, place - SOME) : place + 1]]))
