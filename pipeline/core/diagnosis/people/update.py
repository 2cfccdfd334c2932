"""Explains an update layer by layer, or else as a whole."""

import numpy as np

from pipeline.core.diagnosis.people.algebra import Algebra, Judge
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.observation import Observation, Observations, Observer
from pipeline.core.diagnosis.people.output_errors import Loss, right_errors
from pipeline.core.diagnosis.people.repeats import is_a_loop, updates_inside
from pipeline.core.diagnosis.people.twin import Twin
from pipeline.core.diagnosis.people.whole import clipped, gradient_of, has_right_signs, is_clipped_elementwise, uphill

ALIKE = 0.5  # cosine of the angle between an update and the gradient


def algebra_of(observer: Observer, observations: Observations, printed: Loss | None) -> Algebra:
    """Judge single samples first, since they reveal more; then batches, for what shows only there."""
    algebra = Algebra()
    for seen in observations:
        if not seen or algebra.findings:
            continue
        if seen is observations.batches and (
            algebra.loss in ("a custom loss", "absolute error") or is_a_loop(observer, seen[0])
        ):
            break
        found = Judge(observer.twin, observer.layout, seen, printed).judge()
        if algebra.top is not None and not found.is_explained:
            break  # single samples are correct; the batch may weight them, for example
        algebra = by_another_rule(observer.twin, seen, found) or found
    return algebra


def shuffled_apart(observer: Observer, algebra: Algebra) -> list[Finding]:
    """A random step that is correct on single samples, but on average has little to do with the gradient.

    A random choice of samples follows the gradient on average; inputs shuffled without their targets do not.
    """
    seen = observer.random_updates() if observer.is_random and algebra.top is not None else []
    if not seen or algebra.top is None or any(one.reshaped(leaf) for one in seen for leaf in observer.twin.parameters):
        return []
    gradient = gradient_of(observer.twin, algebra.top, seen[0])
    likeness = 1.0
    for layer in observer.twin.layers:
        change = np.mean([one.change(layer.weights) for one in seen], axis=0).ravel()
        slope = gradient[layer.weights].ravel()
        size = float(np.linalg.norm(change) * np.linalg.norm(slope))
        likeness = min(likeness, -float(change @ slope) / max(size, 1e-300))
    if likeness > ALIKE:
        return []
    evidence = (
        f"Updates on single samples are correct. On the batch they are random, and their mean has a cosine of "
        f"{likeness:.2f} with the "
    )
    evidence += "gradient: inputs and targets are shuffled separately."
    advice = "`order = rng.permutation(len(x))`, then `x[order], y[order]`"
    return [Finding("data_scrambled", "step", evidence, advice)]


def by_another_rule(twin: Twin, seen: list[Observation], found: Algebra) -> Algebra | None:
    """If the layers don't explain an update: correct gradients, but a different update rule."""
    if not found.findings or found.is_explained or any(one.reshaped(leaf) for one in seen for leaf in twin.parameters):
        return None
    for top in right_errors(twin.layers[-1].activation):
        if sign := clipped(twin, top, seen):
            return Algebra([uphill("every parameter")] if sign < 0 else [], top)
        if updates_inside(twin, top, seen[0]):
            return Algebra(top=top)
        if has_right_signs(twin, top, seen):
            if is_clipped_elementwise(twin, top, seen):
                return Algebra(top=top)
            evidence = (
                "Every parameter moves against its gradient, but the steps are neither proportional to the gradient "
                "nor all the same size."
            )
            advice = "Adam: `W -= alpha * m_hat / (np.sqrt(v_hat) + 1e-8)`; plain: `W -= alpha * gradient`."
            return Algebra([Finding("optimiser", "step", evidence, advice)], top)
    return None
