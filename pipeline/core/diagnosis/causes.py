"""The causes that a diagnosis tells apart: for each its test, its sentence and its advice, in one function.

Those that are mistakes in the code have theirs in `mistakes`. They stand in the order in which they are asked for. A
mistake in the code or the data comes before a setting, since no setting mends it; and what is wrong at the start before
what follows from it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.core.diagnosis.diagnosis import FAILED
from pipeline.core.diagnosis.hindrances import FAR_TOO_SMALL, hindrances, narrowness, to_blame, without
from pipeline.core.diagnosis.mistakes import MISTAKES, Mistake
from pipeline.core.diagnosis.outcome import (
    KNOWS_SOMETHING,
    Case,
    fails,
    has_small_loss,
    is_poor,
    iterations_at_this_pace,
    jumped,
    outcome_of,
)
from pipeline.core.diagnosis.prescription import prescribed, rounded_up, smaller_alpha
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
ABSURD = 20.0  # times the loss of a guess
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


def in_the_code(mistake: Mistake) -> Callable[[Case], Found | None]:
    """The cause that is a mistake in the code, whatever came of it; an overflow only where there was one."""

    def cause(case: Case) -> Found | None:
        is_harmless = mistake.shows_in_overflow and not case.training.diverged
        if is_harmless or not mistake.is_in(case.checkup.code):
            return None
        since = case.training.iterations if mistake.shows_in_overflow else 0
        said = f"{mistake.said(case.checkup.code)}{wrong_gradient(case)}{overflow(case)}{change(case)}"
        return Found(since, said, {}, mistake.advice + then_alpha(case))

    return cause


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


def labels_shuffled(case: Case) -> Found | None:
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


def symmetric_initialisation(case: Case) -> Found | None:
    """All units of a layer are the same, and stay so."""
    if not (case.checkup.has_equal_units and is_poor(case)):
        return None
    return Found(
        0,
        "All units of a hidden layer start with the same weights. They get the same gradient, or none where the "
        f"weights are 0, so they stay equal, and the layer is as good as one unit.{change(case)}",
        prescribed(case),
    )


def pixels_not_normalised(case: Case) -> Found | None:
    """The inputs are so large that alpha, good for normalised ones, is too large."""
    return in_the_way(
        case,
        pixels_not_normalised.__name__,
        f"The pixels are not normalised: the root mean square of the inputs is {case.checkup.data.input_size:.3g}, "
        "where it should be about 1. The loss bends as the square of it.",
    )


def inputs_too_small(case: Case) -> Found | None:
    """The inputs are so small that alpha, good for normalised ones, is too small."""
    return in_the_way(
        case,
        inputs_too_small.__name__,
        f"The inputs are too small: their root mean square is {case.checkup.data.input_size:.2g}, where it should be "
        "about 1. So the first layer hardly learns.",
    )


def initialisation_too_large(case: Case) -> Found | None:
    """The untrained network is surer of wrong classes than it ever unlearns, or overflows at once."""
    said = (
        f"The initial weights are too large: what passes the layers grows {case.checkup.gain:.2g} times as much as "
        f"with init=he. The largest logit is {case.checkup.largest_logit:.3g}, and a guess would have a loss of "
        f"{case.checkup.data.guess:.3g}."
    )
    is_absurd = not case.training.history or case.curve[0] > ABSURD * case.checkup.data.guess
    if is_absurd and (is_poor(case) or not has_small_loss(case)):
        return Found(0, f"{said}{change(case)}", prescribed(case, {"init": "he"}))
    return in_the_way(case, initialisation_too_large.__name__, said)


def initialisation_too_small(case: Case) -> Found | None:
    """The training starts on a plateau, where the gradient nearly vanishes."""
    return in_the_way(
        case,
        initialisation_too_small.__name__,
        f"The initial weights are too small: what passes the layers is {case.checkup.gain:.2g} times what it would be "
        "with init=he, and the gradient is as small. So the training starts on a plateau.",
    )


def network_too_small(case: Case) -> Found | None:
    """A layer is too narrow to tell the classes apart."""
    return in_the_way(
        case,
        network_too_small.__name__,
        f"The network is too small: a hidden layer of {min(case.setup.hidden)} units has to tell "
        f"{len(case.checkup.data.present)} classes apart.",
    )


def network_too_deep(case: Case) -> Found | None:
    """What passes many narrow layers becomes alike for all images, or dies away."""
    return in_the_way(
        case,
        network_too_deep.__name__,
        f"The network is too deep for its width: {len(case.setup.hidden)} hidden layers, whose 1 / width add up to "
        f"{narrowness(case.setup.hidden):.2g}. On the way through them, images become alike.",
    )


def summed_gradients(case: Case) -> Found | None:
    """The gradients are summed over the samples, and alpha is one for their mean."""
    return in_the_way(
        case,
        summed_gradients.__name__,
        f"The gradients are summed over {case.batch} samples, so an update is {case.batch} times as large as with "
        f"their mean, for which alpha {case.alpha:g} may do.",
    )


def batch_too_small(case: Case) -> Found | None:
    """Batches are so small that single images push the network about."""
    return in_the_way(
        case,
        batch_too_small.__name__,
        f"A batch of {case.batch} is too small for this alpha: single images push the network about, with too few "
        f"others to even that out. With such batches, the stable alpha is {case.stable_with({}) or 0:.2g}.",
    )


def in_the_way(case: Case, name: str, said: str) -> Found | None:
    """The cause that is a hindrance in the setup, where that is to blame for a failure."""
    if not is_poor(case) or to_blame(case) != name:
        return None
    since = case.first_rise or 0
    return Found(since, f"{said}{against_stable(case)}{change(case)}{dead_in_the_end(case)}", prescribed(case))


def dead_relus(case: Case) -> Found | None:
    """A layer is off for all images, so nothing passes it, forwards or backwards."""
    if not is_dead(case, 0) or outcome_of(case) not in FAILED:
        return None
    return Found(
        0,
        f"Hidden units are dead: they are off for every image, so no gradient reaches them.{dead_in_the_end(case)}",
        prescribed(case, {"init": "he"}),
    )


def alpha_too_large(case: Case) -> Found | None:
    """Updates overshoot: the loss jumps or oscillates, and the units that end up off for all images stay so."""
    overshoots = jumped(case) or (case.is_beyond_stable and case.first_rise is not None)
    if not overshoots or not fails(case):
        return None
    return Found(
        case.first_rise or 0,
        f"alpha is too large: updates overshoot.{against_stable(case)}{change(case)}{dead_in_the_end(case)}",
        prescribed(case, {"alpha": smaller_alpha(case, without(hindrances(case)))}),
    )


def alpha_too_small(case: Case) -> Found | None:
    """It learns, but at this pace it takes far too long."""
    if case.training.diverged or not is_poor(case):
        return None
    stable = case.stable_with(without(hindrances(case)))
    if stable is None or case.alpha >= FAR_TOO_SMALL * stable:
        return None
    return Found(
        0,
        f"alpha is too small: it still learns, but slowly.{against_stable(case)}{change(case)}{pace(case)}",
        prescribed(case),
    )


def overfitting(case: Case) -> Found | None:
    """The validation images are unlearned, while those that it is trained on are learned by heart."""
    if case.training.diverged:
        return None
    history, data = case.training.history, case.checkup.data
    place, best = min(enumerate(history), key=lambda row: row[1].validation_loss)
    is_worse = (
        case.last.validation_loss > KNOWS_SOMETHING * data.guess
        or case.last.validation_accuracy < best.validation_accuracy - data.margin(best.validation_accuracy)
    )
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
    return Found(
        0,
        f"It failed, for no cause that is known here.{change(case)}{against_stable(case)}{dead_in_the_end(case)}",
        prescribed(case, {"alpha": smaller_alpha(case, without(hindrances(case)))}),
        "Look at the images and labels.",
    )


CAUSES: dict[str, Callable[[Case], Found | None]] = {
    **{mistake.name: in_the_code(mistake) for mistake in MISTAKES},
    **{
        cause.__name__: cause
        for cause in (
            labels_constant,
            class_missing,
            labels_shuffled,
            symmetric_initialisation,
            pixels_not_normalised,
            inputs_too_small,
            initialisation_too_large,
            initialisation_too_small,
            network_too_small,
            network_too_deep,
            summed_gradients,
            batch_too_small,
            dead_relus,
            alpha_too_large,
            alpha_too_small,
            too_few_iterations,
            overfitting,
            unknown,
        )
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
