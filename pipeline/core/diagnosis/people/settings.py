"""The settings of a script with a correct update: inputs, initial weights, alpha, and the size of the network.

Each is tested by changing it alone. If the script's own step learns with other inputs, weights or alpha, but not with
its own, that is the cause. A setting that makes no difference is not a fault, however odd it looks.
"""

from pipeline.core.diagnosis.people.alpha import alpha_too_large, alpha_too_small
from pipeline.core.diagnosis.people.capacity import network_too_small, no_bias, too_linear
from pipeline.core.diagnosis.people.data import unrelated
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.inputs import inputs_not_scaled, targets_not_scaled
from pipeline.core.diagnosis.people.overflow import softmax_unshifted
from pipeline.core.diagnosis.people.situation import Situation
from pipeline.core.diagnosis.people.start import symmetric_initialisation, wrong_weights

HUGE = 5.0  # times the loss of guessing, for the first loss


def wrong_setting(situation: Situation) -> list[Finding]:
    """The first wrong setting, if training fails."""
    if found := symmetric_initialisation(situation):
        return found
    is_saturated = situation.is_saturated(situation.start, situation.rows)
    if situation.learns and not is_saturated and not situation.own.overflowed:
        return (no_bias(situation) or too_linear(situation)) if situation.has_stalled else []
    begins_badly = is_saturated or situation.own.first > HUGE * situation.guess
    steps = (wrong_weights, alpha_too_large) if begins_badly else (alpha_too_large, wrong_weights)
    checks = [softmax_unshifted, inputs_not_scaled, *steps]
    if not situation.learns:
        checks += [targets_not_scaled, alpha_too_small, no_bias, too_linear, network_too_small, related]
    return next((found for check in checks if (found := check(situation))), [])


def related(situation: Situation) -> list[Finding]:
    """Whether there is anything to learn."""
    return unrelated(situation.rows, situation.rehearsal.targets)
