"""A softmax that takes `exp` of sums as they are: it overflows above 709, in float64."""

import numpy as np

from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.inputs import LARGE
from pipeline.core.diagnosis.people.situation import Situation


def softmax_unshifted(situation: Situation) -> list[Finding]:
    """Answers that are not finite on this data, where those of a shifted softmax are."""
    rehearsal, course = situation.rehearsal, situation.own
    if not (course.overflowed or rehearsal.overflows(situation.start, situation.rows)):
        return []
    is_late = course.overflowed and course.updates > 1
    if is_late and np.abs(situation.rows).max() < LARGE and situation.is_learning(rehearsal.train(factor=0.1)):
        return []  # it is alpha that is too large
    largest = float(np.abs(situation.twin.run(course.values, situation.rows).sums[-1]).max())
    evidence = f"The answers are not finite after {course.updates} updates, where the sums reach {largest:.3g}: exp "
    advice = "`e = np.exp(z - z.max(axis=..., keepdims=True))`, along the axis of the classes."
    return [Finding("softmax_unshifted", "softmax", evidence + "overflows above 709.", advice)]
