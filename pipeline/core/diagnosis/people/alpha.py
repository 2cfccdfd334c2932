"""Steps that overshoot, or are tiny."""

import numpy as np

from pipeline.core.diagnosis.people.course import Course
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.situation import Situation

STANDS = 0.05  # relative change within which a loss counts as unchanged
RISES = 1.02  # times the first loss
OFTEN = 0.2  # of the updates
SLOW = 1e-3  # of the loss, per hundred updates


def alpha_too_large(situation: Situation) -> list[Finding]:
    """A loss that climbs or jumps, but falls with shorter steps."""
    own = situation.own
    falls = own.last < own.first * (1 - STANDS) and own.last < 1.2 * min(own.losses)
    if falls or situation.learns or not overshoots(own):
        return []
    for factor in (0.1, 0.01, 0.001):
        shorter = situation.rehearsal.train(factor=factor)
        if shorter.last < min(own.last, own.first) * (1 - STANDS):
            evidence = f"The loss goes from {own.first:.3g} to {own.last:.3g} in {own.length}; with {factor:g} "
            evidence += f"times the alpha, to {shorter.last:.3g}."
            return [Finding("alpha_too_large", "alpha", evidence, f"Multiply alpha by {factor:g}.")]
    return []


def overshoots(course: Course) -> bool:
    """Whether the loss ever rose. A plateau is not overshooting."""
    losses = np.array(course.losses)
    if not np.isfinite(losses).all():
        return True
    return bool(losses.max() > losses[0] * RISES or (np.diff(losses) > 0).mean() > OFTEN)


def alpha_too_small(situation: Situation) -> list[Finding]:
    """A loss that hardly changes, but falls with longer steps."""
    own = situation.own
    change = abs(own.first - own.last) / max(own.first, 1e-12)
    if change > SLOW * max(own.updates, 1) / 100:
        return []
    for factor in (100.0, 1e4, 1e6):
        longer = situation.rehearsal.train(factor=factor)
        if longer.last < own.last * (1 - STANDS):
            evidence = f"In {own.length}, the loss changes by only {change:.1g} of its value. With {factor:g} "
            evidence += f"times the alpha, it falls from {own.first:.3g} to {longer.last:.3g}."
            return [Finding("alpha_too_small", "alpha", evidence, f"Multiply alpha by {factor:g}.")]
    return []
