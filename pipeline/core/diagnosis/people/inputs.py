"""Inputs that are too large, too small, or of very different scales; and targets that are too large."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.fitted import standardised
from pipeline.core.diagnosis.people.situation import Situation

LARGE, SMALL = 10.0, 0.02  # limits on the largest input
UNLIKE = 30.0  # the ratio of the largest spread to the median one
BETTER = 0.7  # of the final loss with the script's own settings


def inputs_not_scaled(situation: Situation) -> list[Finding]:
    """Inputs of an unusual size, if training works on scaled ones, from the script's weights or drawn ones."""
    rows, own = situation.rows, situation.own
    if not is_unusual(rows):
        return []
    courses = [situation.rehearsal.train(values, standardised(rows)) for values in (situation.start, *situation.drawn)]
    best = min(course.last for course in courses)
    if not any(situation.is_learning(course) for course in courses) or best > BETTER * own.last:
        return []
    spreads = rows.std(axis=0)
    evidence = (
        f"The inputs reach {np.abs(rows).max():.4g}; standard deviations range from {spreads.min():.3g} to "
        f"{spreads.max():.3g}. "
    )
    evidence += f"After {own.length}, the loss is {own.last:.3g}; on scaled inputs, it is {best:.3g}."
    advice = "`x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-8)`; for pixels, `x / 255`."
    return [Finding("inputs_not_scaled", "x", evidence, advice)]


def is_unusual(rows: Array) -> bool:
    """Whether inputs (n, d) are large, tiny, or of very different scales."""
    largest, spreads = float(np.abs(rows).max()), rows.std(axis=0)
    spreads = spreads[spreads > 0]
    is_unlike = spreads.size > 1 and spreads.max() > UNLIKE * np.median(spreads) and largest > LARGE / 3
    return bool(largest > LARGE or largest < SMALL or is_unlike)


def targets_not_scaled(situation: Situation) -> list[Finding]:
    """Large regression targets, if training works on scaled ones."""
    targets = situation.rehearsal.targets
    if situation.twin.layers[-1].activation.name != "identity" or targets.std() < LARGE:
        return []
    scaled = situation.of_scaled_targets()
    if not scaled.learns:
        return []
    evidence = f"The targets reach {np.abs(targets).max():.4g}. After {situation.own.length}, the loss is "
    evidence += f"{situation.own.last / situation.guess:.3g} times that of guessing; with scaled targets, it is "
    evidence += f"{scaled.own.last / scaled.guess:.3g} times."
    return [Finding("targets_out_of_range", "y", evidence, "`y = (y - y.mean(axis=0)) / y.std(axis=0)`")]
