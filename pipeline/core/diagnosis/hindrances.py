"""What in a setup hinders learning, whatever alpha is: a test for each, and what to set instead.

A hindrance is to blame if, without it, this alpha would be stable and not far too small.
"""

from collections.abc import Callable
from math import ceil, log2
from typing import NamedTuple

from pipeline.core.diagnosis.outcome import Case
from pipeline.core.diagnosis.setup import Prescription

LARGE, SMALL = 2.0, 0.15  # the root mean square of normalised inputs is about 1, or somewhat less
LARGE_GAIN, SMALL_GAIN = 3.0, 0.1  # of the initial weights, relative to He's
ABSURD = 20.0  # times the loss of guessing
FAR_TOO_SMALL = 0.1  # of the stable alpha
BEYOND = 2.0  # times the stable alpha: somewhat above it, networks still learn
DEEP = 0.45  # the sum of 1 / width over the hidden layers, see `narrowness`
FITTING = 0.25  # the same, for a prescribed network
FAR_BELOW = 4.0  # times smaller than the critical batch


def inputs_not_scaled(case: Case) -> Prescription:
    """The inputs are large, and the curvature of the loss grows with their square."""
    return {"normalise": "standard"} if case.checkup.data.input_size > LARGE else {}


def inputs_too_small(case: Case) -> Prescription:
    """The inputs are small, and so is the first layer's gradient."""
    return {"normalise": "standard"} if case.checkup.data.input_size < SMALL else {}


def symmetric_initialisation(case: Case) -> Prescription:
    """All units of a layer are identical, and stay identical."""
    return {"init": "he"} if case.checkup.has_equal_units else {}


def weights_too_large(case: Case) -> Prescription:
    """The initial weights amplify the signal, so the untrained network is confident of wrong classes."""
    return {"init": "he"} if case.checkup.gain > LARGE_GAIN else {}


def weights_too_small(case: Case) -> Prescription:
    """The initial weights make signal and gradient vanish, so the loss starts on a plateau."""
    return {"init": "he"} if case.checkup.gain < SMALL_GAIN else {}


def summed_gradients(case: Case) -> Prescription:
    """The gradients are summed over the samples, but alpha suits their mean."""
    return {"reduction": "mean"} if case.setup.reduction == "sum" and case.is_beyond_stable else {}


def batch_too_small(case: Case) -> Prescription:
    """Batches are far below the critical size, see `curvature`. The next power of 2 above it is prescribed."""
    if case.setup.batch_size is None:
        return {}
    images = case.checkup.data.images
    critical = min(images, case.curvature_with(case.setup.with_changes(fixes_for_start(case))).critical_batch)
    if case.batch * FAR_BELOW >= critical:
        return {}
    enough = 2 ** ceil(log2(critical))
    return {"batch_size": enough if enough < images else None}


def network_too_small(case: Case) -> Prescription:
    """A layer has so few units that the pattern of active ones can hardly distinguish the classes."""
    narrow = min(case.setup.hidden) < log2(len(case.checkup.data.counts))
    return resized_layers(case) if narrow else {}


def network_too_deep(case: Case) -> Prescription:
    """There are many narrow layers, through which images become indistinguishable."""
    return resized_layers(case) if narrowness(case.setup.hidden) > DEEP else {}


class Hindrance(NamedTuple):
    """Something that hinders learning."""

    instead: Callable[[Case], Prescription]  # what to set instead; empty where it does not apply
    sentence: str  # with placeholders for the numbers of a case

    @property
    def name(self) -> str:
        """The name of the cause."""
        return self.instead.__name__

    def sentence_for(self, case: Case) -> str:
        """The sentence, with the numbers of a case."""
        return self.sentence.format(
            batch=case.batch,
            classes=len(case.checkup.data.present),
            gain=case.checkup.gain,
            layers=len(case.setup.hidden),
            logit=case.checkup.largest_logit,
            narrowest=min(case.setup.hidden),
            narrowness=narrowness(case.setup.hidden),
            setup=case.setup,
            size=case.checkup.data.input_size,
        )


HINDRANCES = (
    Hindrance(
        symmetric_initialisation,
        "All units of a hidden layer start with the same weights, so they get the same gradient (or none, if the "
        "weights are 0) and stay equal. The layer can do no more than a single unit.",
    ),
    Hindrance(
        inputs_not_scaled,
        "The inputs are not normalised: their root mean square is {size:.3g} and should be about 1. The curvature of "
        "the loss grows with its square.",
    ),
    Hindrance(
        inputs_too_small,
        "The inputs are too small: their root mean square is {size:.2g} and should be about 1. The first layer hardly "
        "learns.",
    ),
    Hindrance(
        weights_too_large,
        "The initial weights are too large: they amplify the signal {gain:.2g} times as much as init=he would, and the "
        "largest logit is {logit:.3g}.",
    ),
    Hindrance(
        weights_too_small,
        "The initial weights are too small: the signal reaches {gain:.2g} times the size that it would with init=he, "
        "and the gradient is just as small. Training starts on a plateau.",
    ),
    Hindrance(
        network_too_small,
        "The network is too small: its narrowest hidden layer has width {narrowest}, for {classes} classes.",
    ),
    Hindrance(
        network_too_deep,
        "The network is too deep for its width: 1 / width adds up to {narrowness:.2g} over its {layers} hidden layers, "
        "which make all images look alike.",
    ),
    Hindrance(
        summed_gradients,
        "Gradients are summed over {batch} samples, so updates are {batch} times as large as with mean gradients, for "
        "which alpha {setup.alpha:g} may be right.",
    ),
    Hindrance(
        batch_too_small,
        "Batches of {batch} are too small for this alpha: each averages so few images that single ones dominate the "
        "updates.",
    ),
)
HINDRANCES_OF_START = (inputs_not_scaled, inputs_too_small, symmetric_initialisation, weights_too_large)


def fixes_for_start(case: Case) -> Prescription:
    """Fixes for inputs and initial weights. Without them, the curvature at the start says little."""
    return {name: value for found in HINDRANCES_OF_START for name, value in found(case).items()}


def hindrances(case: Case) -> dict[str, Prescription]:
    """The hindrances of a case, each with what to set instead."""
    return {hindrance.name: change for hindrance in HINDRANCES if (change := hindrance.instead(case))}


def fixes_for(found: dict[str, Prescription]) -> Prescription:
    """The changes that remove these hindrances."""
    return {name: value for change in found.values() for name, value in change.items()}


def hindrance_to_blame(case: Case) -> str | None:
    """The first hindrance whose removal makes alpha suitable; or simply the first, if all of them must go.

    Equal units and absurd weights are to blame even if alpha would still not suit.
    """
    found = hindrances(case)
    if symmetric_initialisation.__name__ in found:
        return symmetric_initialisation.__name__
    alone = [name for name, change in found.items() if suits(case, change)]
    together = list(found) if suits(case, fixes_for(found)) else []
    in_any_case = [weights_too_large.__name__] if is_absurd(case) else []
    return next(iter(alone + together + in_any_case), None)


def is_absurd(case: Case) -> bool:
    """Whether large initial weights make the untrained network overflow, or too confident to unlearn its mistakes."""
    overflows = not case.training.history or case.curve[0] > ABSURD * case.checkup.data.guess
    return bool(weights_too_large(case)) and overflows


def suits(case: Case, changes: Prescription) -> bool:
    """Whether alpha would be stable, and not far too small, after some changes."""
    stable = case.stable_with(changes)
    return stable is not None and FAR_TOO_SMALL * stable <= case.alpha <= BEYOND * stable


def narrowness(hidden: list[int]) -> float:
    """The sum of 1 / width over the layers.

    The log of the signal's size varies by about this much: B. Hanin and D. Rolnick, "How to start training: the effect
    of initialization and architecture", NeurIPS 31 (2018).
    """
    return sum(1 / width for width in hidden)


def resized_layers(case: Case) -> Prescription:
    """Widen narrow hidden layers to twice the number of classes, and drop layers until signals get through.

    The old initialisation may not suit the new layers, so He's is prescribed with them. Empty if nothing changes.
    """
    classes = len(case.checkup.data.counts)
    wide = [width if width >= classes else 2 * classes for width in case.setup.hidden]
    fitting = [depth for depth in range(1, len(wide) + 1) if narrowness(wide[:depth]) <= FITTING]
    hidden = wide[: max(fitting, default=1)]
    return {"hidden": hidden, "init": "he"} if hidden != case.setup.hidden else {}
