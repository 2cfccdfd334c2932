"""What in a setup is in the way of learning, whatever alpha is: each by its test, and what to set instead.

Whether one of them is to blame is told by a comparison: would this alpha be stable, and not far too small, without it?
"""

from collections.abc import Callable
from math import ceil, log2
from typing import NamedTuple

from pipeline.core.diagnosis.outcome import Case
from pipeline.core.diagnosis.setup import Prescription

LARGE, SMALL = 2.0, 0.15  # the root mean square of inputs is about 1, or somewhat less, if they are normalised
LARGE_GAIN, SMALL_GAIN = 3.0, 0.1  # of the initial weights, next to those by He
ABSURD = 20.0  # times the loss of a guess
FAR_TOO_SMALL = 0.1  # of the stable alpha
BEYOND = 2.0  # times the stable alpha: with somewhat more than it, networks still learn
DEEP = 0.45  # the sum of 1 / width over the hidden layers, see `narrowness`
FITTING = 0.25  # the same, of the network that is prescribed
FAR_BELOW = 4.0  # times smaller than the critical batch


def inputs_not_scaled(case: Case) -> Prescription:
    """The inputs are large: the loss bends as the square of them."""
    return {"normalise": "standard"} if case.checkup.data.input_size > LARGE else {}


def inputs_too_small(case: Case) -> Prescription:
    """The inputs are small, so the first layer's gradient is."""
    return {"normalise": "standard"} if case.checkup.data.input_size < SMALL else {}


def symmetric_initialisation(case: Case) -> Prescription:
    """All units of a layer are the same, and stay so."""
    return {"init": "he"} if case.checkup.has_equal_units else {}


def weights_too_large(case: Case) -> Prescription:
    """The initial weights make the signal grow on its way, so that the untrained network is sure of wrong classes."""
    return {"init": "he"} if case.checkup.gain > LARGE_GAIN else {}


def weights_too_small(case: Case) -> Prescription:
    """The initial weights make the signal vanish on its way, and the gradient too: the loss starts on a plateau."""
    return {"init": "he"} if case.checkup.gain < SMALL_GAIN else {}


def summed_gradients(case: Case) -> Prescription:
    """The gradients are summed over the samples, and alpha is one for their mean."""
    return {"reduction": "mean"} if case.setup.reduction == "sum" and case.is_beyond_stable else {}


def batch_too_small(case: Case) -> Prescription:
    """Batches are far below the critical size, see `curvature`; the next power of 2 to it is prescribed."""
    if case.setup.batch_size is None:
        return {}
    critical = case.bends_with(case.setup.with_changes(of_the_start(case))).critical_batch
    if case.batch * FAR_BELOW >= min(critical, case.checkup.data.images):
        return {}
    enough = 2 ** ceil(log2(critical))
    return {"batch_size": enough if enough < case.checkup.data.images else None}


def network_too_small(case: Case) -> Prescription:
    """A layer has so few units that the classes can hardly be told apart by which of them are on."""
    narrow = min(case.setup.hidden) < log2(len(case.checkup.data.counts))
    return in_other_layers(case) if narrow else {}


def network_too_deep(case: Case) -> Prescription:
    """There are many narrow layers, on the way through which images become alike, or are lost."""
    return in_other_layers(case) if narrowness(case.setup.hidden) > DEEP else {}


class Hindrance(NamedTuple):
    """Something that is in the way."""

    instead: Callable[[Case], Prescription]  # what to set instead; nothing where it does not hold
    sentence: str  # with what is known of the case in braces

    @property
    def name(self) -> str:
        """The name of the cause, where it is to blame."""
        return self.instead.__name__

    def said(self, case: Case) -> str:
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
        "All units of a hidden layer start with the same weights. They get the same gradient, or none where the "
        "weights are 0, so they stay equal, and the layer is as good as one unit.",
    ),
    Hindrance(
        inputs_not_scaled,
        "The pixels are not normalised: the root mean square of the inputs is {size:.3g}, where it should be about 1. "
        "The loss bends as the square of it.",
    ),
    Hindrance(
        inputs_too_small,
        "The inputs are too small: their root mean square is {size:.2g}, where it should be about 1. So the first "
        "layer hardly learns.",
    ),
    Hindrance(
        weights_too_large,
        "The initial weights are too large: what passes the layers grows {gain:.2g} times as much as with init=he, and "
        "the largest logit is {logit:.3g}.",
    ),
    Hindrance(
        weights_too_small,
        "The initial weights are too small: what passes the layers is {gain:.2g} times what it would be with init=he, "
        "and the gradient is as small. So the training starts on a plateau.",
    ),
    Hindrance(
        network_too_small,
        "The network is too small: a hidden layer has {narrowest} units to tell {classes} classes apart.",
    ),
    Hindrance(
        network_too_deep,
        "The network is too deep for its width: over its {layers} hidden layers, 1 / width adds up to "
        "{narrowness:.2g}. On the way through them, images become alike.",
    ),
    Hindrance(
        summed_gradients,
        "The gradients are summed over {batch} samples, so an update is {batch} times as large as with their mean, for "
        "which alpha {setup.alpha:g} may do.",
    ),
    Hindrance(
        batch_too_small,
        "Batches of {batch} are too small for this alpha: single images push the network about, with too few others to "
        "even that out.",
    ),
)
OF_THE_START = (inputs_not_scaled, inputs_too_small, symmetric_initialisation, weights_too_large)


def of_the_start(case: Case) -> Prescription:
    """What sets the inputs and the initial weights right: without it, a curvature at the start says little."""
    return {name: value for found in OF_THE_START for name, value in found(case).items()}


def hindrances(case: Case) -> dict[str, Prescription]:
    """The hindrances that there are, with what to set instead."""
    return {hindrance.name: change for hindrance in HINDRANCES if (change := hindrance.instead(case))}


def without(found: dict[str, Prescription]) -> Prescription:
    """The changes that take hindrances away."""
    return {name: value for change in found.values() for name, value in change.items()}


def to_blame(case: Case) -> str | None:
    """The first hindrance without which alpha would suit; or the first of all, if it would only without all of them.

    Where it never would, equal units or absurd weights are to blame all the same.
    """
    found = hindrances(case)
    if symmetric_initialisation.__name__ in found:
        return symmetric_initialisation.__name__
    alone = [name for name, change in found.items() if suits(case, change)]
    together = list(found) if suits(case, without(found)) else []
    in_any_case = [weights_too_large.__name__] if is_absurd(case) else []
    return next(iter(alone + together + in_any_case), None)


def is_absurd(case: Case) -> bool:
    """Whether large initial weights make the untrained network overflow, or surer of wrong classes than it unlearns."""
    overflows = not case.training.history or case.curve[0] > ABSURD * case.checkup.data.guess
    return bool(weights_too_large(case)) and overflows


def suits(case: Case, changes: Prescription) -> bool:
    """Whether alpha would be stable, and not far too small, with some settings changed."""
    stable = case.stable_with(changes)
    return stable is not None and FAR_TOO_SMALL * stable <= case.alpha <= BEYOND * stable


def narrowness(hidden: list[int]) -> float:
    """The sum of 1 / width over the layers.

    By so much, the logarithm of the size of what passes varies: B. Hanin and D. Rolnick, "How to start training: the
    effect of initialization and architecture", NeurIPS 31 (2018).
    """
    return sum(1 / width for width in hidden)


def in_other_layers(case: Case) -> Prescription:
    """Each hidden layer widened to twice the classes where it is narrow, and as many as let images through.

    Whatever fitted the weights of those that were taken may not fit these, so they are drawn as fits ReLUs. Nothing,
    where the layers are like that already.
    """
    classes = len(case.checkup.data.counts)
    wide = [width if width >= classes else 2 * classes for width in case.setup.hidden]
    fitting = [depth for depth in range(1, len(wide) + 1) if narrowness(wide[:depth]) <= FITTING]
    hidden = wide[: max(fitting, default=1)]
    return {"hidden": hidden, "init": "he"} if hidden != case.setup.hidden else {}
