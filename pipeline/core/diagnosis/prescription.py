"""What to set otherwise: all that a training needs at once, since one setting rarely fits without the others."""

from math import ceil

from pipeline.core.diagnosis.hindrances import hindrances, narrowness, without
from pipeline.core.diagnosis.outcome import Case
from pipeline.core.diagnosis.setup import Prescription, Setup

FITS = 0.25, 0.75  # of the stable alpha: what lies between needs no change
ENOUGH = 150  # updates at half of the stable alpha, for a network of one wide layer
FOR_DEPTH = 6.0  # times as many more, for each 1 of `narrowness`
STEP = 100  # of iterations that are prescribed


def prescribed(case: Case, changes: Prescription | None = None) -> Prescription:
    """These changes, with all that takes hindrances away, an alpha that fits what they lead to, and time to learn."""
    wanted = without(hindrances(case)) | (changes or {})
    setup = case.setup.with_changes(wanted)
    if "alpha" not in wanted:
        setup = setup._replace(alpha=fitting_alpha(case, wanted))
    if "iterations" not in wanted:
        setup = setup._replace(iterations=max(setup.iterations, needed(case, setup)))
    return case.setup.changes_to(setup)


def fitting_alpha(case: Case, changes: Prescription) -> float:
    """The alpha that was taken, if it fits with some settings changed; or half of the stable one."""
    stable = stable_on_the_way(case, changes)
    if stable is None or FITS[0] * stable <= case.alpha <= FITS[1] * stable:
        return case.alpha
    return rounded(stable / 2)


def smaller_alpha(case: Case, changes: Prescription) -> float:
    """Half of the stable alpha, or of the one that was taken where that is smaller and still was too large."""
    return rounded(min(stable_on_the_way(case, changes) or case.alpha, case.alpha) / 2)


def stable_on_the_way(case: Case, changes: Prescription) -> float | None:
    """The stable alpha with some settings changed, at the start and where weights are about as large as He's.

    Networks of small weights start on a plateau, and the loss bends more when they have left it.
    """
    known = [case.stable_with(changes), case.stable_with(changes | {"init": "he"})]
    return min((alpha for alpha in known if alpha is not None), default=None)


def rounded(alpha: float) -> float:
    """To one significant digit."""
    return float(f"{alpha:.1g}")


def needed(case: Case, setup: Setup) -> int:
    """The iterations that a setup needs.

    They grow with the depth, and as alpha is smaller than half of what is stable with large batches.
    """
    batch, bends = case.batch_of(setup), case.bends_with(setup)
    stable = bends.stable_alpha()
    of_mean = setup.alpha * (batch if setup.reduction == "sum" else 1)
    slower = 1.0 if stable is None else max(1.0, stable / 2 / of_mean)
    return rounded_up(ENOUGH * (1 + FOR_DEPTH * narrowness(setup.hidden)) * slower)


def rounded_up(iterations: float) -> int:
    """To hundreds."""
    return STEP * ceil(iterations / STEP)
