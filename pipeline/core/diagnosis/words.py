"""Sentences that several causes share. Each starts with a space, or is empty if there is nothing to say."""

import numpy as np

from pipeline.core.diagnosis.hindrances import FAR_TOO_SMALL
from pipeline.core.diagnosis.outcome import Case, iterations_at_this_pace
from pipeline.core.diagnosis.setup import Prescription, as_typed

WRONG = 1e-3  # relative error of the gradient
MANY = 2**20  # times the iterations so far, or the stable alpha: called a million


def advice_to_set(prescription: Prescription) -> str:
    """The advice to change settings."""
    return f"Set {as_typed(prescription)}." if prescription else ""


def alpha_after_fix(case: Case) -> str:
    """The alpha to use after the fix, if the present one would be too large or far too small."""
    stable = case.stable_alpha
    fits = stable is None or FAR_TOO_SMALL * stable <= case.alpha <= stable
    return "" if fits or stable is None else f" Then set alpha={stable / 2:.1g}."


def alpha_vs_stable(case: Case) -> str:
    """Alpha compared with the stable alpha."""
    alpha, stable = case.alpha, case.stable_alpha
    if stable is None:
        return ""
    if stable == 0:
        return " The loss is so steep that no alpha is stable."
    if alpha > MANY * stable:
        relation = "more than a million times"
    elif stable > MANY * alpha:
        relation = "less than a millionth of"
    elif 0.95 < alpha / stable < 1.05:
        relation = "about equal to"
    else:
        relation = f"{roughly(alpha / stable, 2)} times" if alpha > stable else f"1/{roughly(stable / alpha, 2)} of"
    return f" alpha {alpha:g} is {relation} the stable alpha {stable:.2g}."


def loss_change(case: Case) -> str:
    """The loss at the start, at its peak, and at the end."""
    history, curve = case.training.history, case.curve
    if not history:
        return " Even the untrained network's loss is not finite."
    peak = int(np.argmax(curve))
    is_between = 0 < peak < len(curve) - 1
    way = f", with a peak of {curve[peak]:.3g} at iteration {history[peak].iteration}" if is_between else ""
    end = f", and stopped being finite at iteration {case.training.iterations}" if case.training.diverged else ""
    return f" The loss went from {curve[0]:.3g} to {curve[-1]:.3g}{way}{end}."


def overflow(case: Case) -> str:
    """How the logits grew, and when exp overflowed, if it was the softmax that did."""
    if not (case.training.diverged and case.checkup.code.overflows):
        return ""
    start, vitals = case.checkup.largest_logit, case.training.vitals
    grew = f"grew from {start:.3g} to {vitals[-1].signs.largest_logit:.3g}" if vitals else f"started at {start:.3g}"
    return f" The largest logit {grew}, and `exp` overflowed at iteration {case.training.iterations}."


def wrong_gradient(case: Case) -> str:
    """The relative error of the gradient."""
    error = case.checkup.code.error
    return f" The relative error of the gradient is {error:.2g}." if error > WRONG else ""


def dead_units_at_end(case: Case) -> str:
    """The final share of dead units, in the layer that has the most."""
    if not case.training.vitals:
        return ""
    last = case.training.vitals[-1]
    share = max(last.signs.dead_units)
    layer = last.signs.dead_units.index(share) + 1
    text = f" At iteration {last.iteration}, {share:.0%} of the units of hidden layer {layer} are dead."
    return text if share else ""


def pace(case: Case) -> str:
    """How many iterations learning would take at this pace; nothing if the network has learned already."""
    needed = iterations_at_this_pace(case)
    if needed is None or needed <= case.last.iteration:
        return ""
    if needed > MANY * case.last.iteration:
        return " At this pace, even a million times as many iterations would not be enough."
    return f" At this pace, it will have learned after about {roughly(needed, 1)} iterations."


def roughly(number: float, digits: int) -> str:
    """A number with this many significant digits, without an exponent."""
    return f"{float(f'{number:.{digits}g}'):,.15g}"
