"""Which settings to change. A prescription changes all of them at once, since one alone rarely helps."""

from math import ceil

import numpy as np

from pipeline.core.diagnosis.hindrances import fixes_for, hindrances, narrowness
from pipeline.core.diagnosis.outcome import Case
from pipeline.core.diagnosis.setup import Prescription, Setup

FITS = 0.25, 0.75  # of the stable alpha: a value in between needs no change
ENOUGH = 150  # updates at half the stable alpha, for a network with one wide layer
FOR_DEPTH = 6.0  # times as many on top, per unit of `narrowness`
STEP = 100  # prescribed iterations are a multiple of this


def prescribed(case: Case, changes: Prescription | None = None) -> Prescription:
    """These changes, those that remove all hindrances, an alpha that suits the result, and enough iterations."""
    wanted = fixes_for(hindrances(case)) | (changes or {})
    setup = case.setup.with_changes(wanted)
    if "alpha" not in wanted:
        setup = setup._replace(alpha=fitting_alpha(case, wanted))
    if "iterations" not in wanted:
        setup = setup._replace(iterations=max(setup.iterations, iterations_needed(case, setup)))
    return case.setup.changes_to(setup)


def fitting_alpha(case: Case, changes: Prescription) -> float:
    """The present alpha if it suits after some changes, or half the stable one."""
    stable = stable_alpha_after(case, changes)
    if stable is None or FITS[0] * stable <= case.alpha <= FITS[1] * stable:
        return case.alpha
    return rounded(stable / 2)


def smaller_alpha(case: Case, changes: Prescription) -> float:
    """Half the stable alpha, or half the present one if that is smaller and was still too large."""
    stable = stable_alpha_after(case, changes) or case.stable_alpha or case.alpha
    return rounded(min(stable, case.alpha) / 2)


def stable_alpha_after(case: Case, changes: Prescription) -> float | None:
    """The stable alpha after some changes: the smaller of that at the start and that at He's initialisation.

    Networks with small weights start on a plateau, and the curvature grows once they leave it.
    """
    known = [case.stable_with(changes), case.stable_with(changes | {"init": "he"})]
    return min((alpha for alpha in known if alpha is not None), default=None)


def rounded(alpha: float) -> float:
    """Round to one significant digit, but not to 0, which is no alpha."""
    return max(float(f"{alpha:.1g}"), float(np.finfo(np.float64).tiny))


def iterations_needed(case: Case, setup: Setup) -> int:
    """The number of iterations that a setup needs.

    It grows with depth, and as alpha falls below half of what is stable for large batches.
    """
    batch, curvature = case.batch_of(setup), case.curvature_with(setup)
    stable = curvature.stable_alpha()
    of_mean = setup.alpha * (batch if setup.reduction == "sum" else 1)
    slower = 1.0 if stable is None else max(1.0, stable / 2 / of_mean)
    return rounded_up(ENOUGH * (1 + FOR_DEPTH * narrowness(setup.hidden)) * slower)


def rounded_up(iterations: float) -> int:
    """Round up to hundreds."""
    return STEP * ceil(iterations / STEP)
