"""An update, layer by layer; and where that does not explain it, as a whole."""

from pipeline.core.diagnosis.people.algebra import Algebra, Judge
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.observation import Observation, Observations, Witness
from pipeline.core.diagnosis.people.output_errors import Loss, right_errors
from pipeline.core.diagnosis.people.repeats import is_a_loop, updates_inside
from pipeline.core.diagnosis.people.twin import Twin
from pipeline.core.diagnosis.people.whole import clipped, has_right_signs, uphill


def algebra_of(witness: Witness, observations: Observations, printed: Loss | None) -> Algebra:
    """Single samples first, since they show more; then batches, for what only batches show."""
    algebra = Algebra()
    for seen in observations:
        if not seen or algebra.findings:
            continue
        if seen is observations.batches and is_a_loop(witness, seen[0]):
            break
        found = Judge(witness.twin, witness.layout, seen, printed).judge()
        algebra = by_another_rule(witness.twin, seen, found) or found
    return algebra


def by_another_rule(twin: Twin, seen: list[Observation], found: Algebra) -> Algebra | None:
    """Where the layers don't explain an update: right gradients, made steps of by another rule."""
    if not found.findings or found.is_explained or any(one.reshaped(leaf) for one in seen for leaf in twin.parameters):
        return None
    for top in right_errors(twin.layers[-1].activation):
        if sign := clipped(twin, top, seen):
            return Algebra([uphill("every parameter")] if sign < 0 else [], top)
        if updates_inside(twin, top, seen[0]):
            return Algebra(top=top)
        if has_right_signs(twin, top, seen):
            evidence = (
                "Each number moves against its gradient, but by a length that is no multiple of it, and not even."
            )
            advice = "Adam: `W -= alpha * m_hat / (np.sqrt(v_hat) + 1e-8)`; plain: `W -= alpha * gradient`."
            return Algebra([Finding("optimiser", "step", evidence, advice)], top)
    return None
