"""A softmax without a shift: its `exp` overflows above 709 in float64."""

import numpy as np

from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.inputs import LARGE
from pipeline.core.diagnosis.people.situation import Situation


def softmax_unshifted(situation: Situation) -> list[Finding]:
    """Outputs that are not finite on this data, although those of a shifted softmax are."""
    rehearsal, course = situation.rehearsal, situation.own
    if not (course.overflowed or rehearsal.overflows(situation.start, situation.rows)):
        return []
    is_late = course.overflowed and course.updates > 1
    if is_late and np.abs(situation.rows).max() < LARGE and situation.is_learning(rehearsal.train(factor=0.1)):
        return []  # alpha is too large instead
    largest = float(np.abs(situation.twin.run(course.values, situation.rows).sums[-1]).max())
    evidence = f"After {course.length}, z reaches {largest:.3g} and the outputs are not finite: exp overflows "
    advice = "`e = np.exp(z - z.max(axis=..., keepdims=True))`, along the class axis."
    return [Finding("softmax_unshifted", "softmax", evidence + "above 709.", advice)]
