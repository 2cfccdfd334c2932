"""The causes that a diagnosis tells apart: for each its test, its sentence and its advice, in one function.

Those that are mistakes in the code have theirs in `mistakes`. They stand in the order in which they are asked for. A
mistake in the code or the data comes before a setting, since no setting mends it; and what is wrong at the start before
what follows from it.
"""

from collections.abc import Callable
from typing import NamedTuple

from pipeline.core.diagnosis.diagnosis import FAILED
from pipeline.core.diagnosis.mistakes import MISTAKES, Mistake
from pipeline.core.diagnosis.outcome import Case, fails, hardly_learned, jumped, outcome_of
from pipeline.core.diagnosis.words import (
    FAR_TOO_SMALL,
    against_stable,
    better_alpha,
    change,
    dead_in_the_end,
    overflow,
    pace,
    smaller_alpha,
    then_alpha,
    wrong_gradient,
)

NORMALISED = 2.0  # the root mean square of inputs is about 1 or less, if they are
MOSTLY = 0.9  # of a layer's units
ABSURD = 20.0  # times the loss of a guess


class Found(NamedTuple):
    """A cause that holds."""

    since: int  # the iteration at which it first showed
    sentence: str  # what happened, with the numbers that show it
    advice: str  # what to try, with a value where one can be computed


def in_the_code(mistake: Mistake) -> Callable[[Case], Found | None]:
    """The cause that is a mistake in the code, whatever came of it; an overflow only where there was one."""

    def cause(case: Case) -> Found | None:
        is_harmless = mistake.shows_in_overflow and not case.training.diverged
        if is_harmless or not mistake.is_in(case.checkup.code):
            return None
        since = case.training.iterations if mistake.shows_in_overflow else 0
        said = f"{mistake.said(case.checkup.code)}{wrong_gradient(case)}{overflow(case)}{change(case)}"
        return Found(since, said, mistake.advice + then_alpha(case))

    return cause


def labels_constant(case: Case) -> Found | None:
    """There is only one class to learn."""
    data = case.checkup.data
    if len(data.present) != 1:
        return None
    return Found(
        0,
        f"All {data.images} training labels are {data.present[0]}: there is nothing to tell apart.",
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
        "Look at a few images with their labels: were both sorted, shuffled or cut in the same way?",
    )


def symmetric_initialisation(case: Case) -> Found | None:
    """All units of a layer are the same, and stay so."""
    if not (case.checkup.has_equal_units and outcome_of(case) in FAILED):
        return None
    return Found(
        0,
        "All units of a hidden layer start with the same weights. They get the same gradient, or none where the "
        f"weights are 0, so they stay equal, and the layer is as good as one unit.{change(case)}",
        "Draw the weights at random: init=he, or init=xavier. Biases may start at 0.",
    )


def pixels_not_normalised(case: Case) -> Found | None:
    """The inputs are so large that alpha, good for normalised ones, is too large."""
    size, stable = case.checkup.data.input_size, case.stable_alpha
    good_if_normalised = stable is None or case.alpha <= stable * size**2
    if size <= NORMALISED or not good_if_normalised or not fails(case):
        return None
    return Found(
        case.first_rise or 0,
        f"The pixels are not normalised: the root mean square of the inputs is {size:.3g}, where it should be about 1. "
        f"The loss bends as the square of it.{against_stable(case)}{change(case)}{dead_in_the_end(case)}",
        "normalise=standard, or normalise=unit.",
    )


def initialisation_too_large(case: Case) -> Found | None:
    """The untrained network is surer of wrong classes than it ever unlearns, or overflows at once."""
    if case.training.history and not (
        case.curve[0] > ABSURD * case.checkup.data.guess and (fails(case) or hardly_learned(case))
    ):
        return None
    return Found(
        0,
        "The initial weights are too large: a guess would have a loss of "
        f"{case.checkup.data.guess:.3g}.{change(case)} Its largest logit is {case.checkup.largest_logit:.3g}.",
        "init=he, a smaller init_scale, or fewer layers.",
    )


def summed_gradients(case: Case) -> Found | None:
    """The gradients are summed over the samples, and alpha is one for their mean."""
    stable = case.stable_alpha
    fits_a_mean = stable is not None and case.alpha <= stable * case.batch
    if case.reduction != "sum" or not case.is_beyond_stable or not fits_a_mean or not fails(case):
        return None
    return Found(
        case.first_rise or 0,
        f"The gradients are summed over {case.batch} samples, so an update is {case.batch} times as large as with "
        f"their mean, for which alpha {case.alpha:g} may do.{against_stable(case)}{change(case)}",
        f"reduction=mean, or {smaller_alpha(case)}.",
    )


def alpha_too_large(case: Case) -> Found | None:
    """Updates overshoot: the loss jumps or oscillates, and the units that end up off for all images stay so."""
    overshoots = jumped(case) or (case.is_beyond_stable and case.first_rise is not None)
    if not overshoots or is_dead(case, 0) or not fails(case):
        return None
    return Found(
        case.first_rise or 0,
        f"alpha is too large: updates overshoot.{against_stable(case)}{change(case)}{dead_in_the_end(case)}",
        f"Take {smaller_alpha(case)}.",
    )


def dead_relus(case: Case) -> Found | None:
    """A layer is off for all images, so nothing passes it, forwards or backwards."""
    since = next((at.iteration for at in case.training.vitals if is_dead(case, at.iteration)), None)
    if since is None or outcome_of(case) not in FAILED:
        return None
    return Found(
        since,
        f"Hidden units are dead: they are off for every image, so no gradient reaches them.{dead_in_the_end(case)}",
        "Another seed, fewer or wider hidden layers, init=he, and biases that start at 0 or above.",
    )


def alpha_too_small(case: Case) -> Found | None:
    """It learns, but at this pace it takes far too long."""
    stable = case.stable_alpha
    if stable is None or case.alpha >= FAR_TOO_SMALL * stable or case.training.diverged or not hardly_learned(case):
        return None
    return Found(
        0,
        f"alpha is too small: it still learns, but slowly.{against_stable(case)}{change(case)}{pace(case)}",
        f"Take {better_alpha(case)}, before more iterations.",
    )


def unknown(case: Case) -> Found | None:
    """It failed for none of these reasons."""
    if outcome_of(case) not in FAILED:
        return None
    return Found(
        0,
        f"It failed, for no cause that is known here.{change(case)}{against_stable(case)}{dead_in_the_end(case)}",
        f"Take {better_alpha(case)}, more iterations, and wider hidden layers; look at the images and labels.",
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
            initialisation_too_large,
            summed_gradients,
            alpha_too_large,
            dead_relus,
            alpha_too_small,
            unknown,
        )
    },
}


def is_dead(case: Case, iteration: int) -> bool:
    """Whether nearly all of a layer's units were off for every image at an iteration that was examined."""
    signs = next((vitals.signs for vitals in case.training.vitals if vitals.iteration == iteration), None)
    return signs is not None and max(signs.dead_units) >= MOSTLY
