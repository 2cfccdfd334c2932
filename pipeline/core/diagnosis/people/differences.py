"""For networks without a twin: compares the update of each parameter with central differences of a loss.

This shows which parameters' updates are wrong, but not why.
"""

from collections.abc import Callable

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.probes import random_values
from pipeline.core.diagnosis.people.script import Script
from pipeline.core.diagnosis.people.twin import Values

SAMPLES = 8
DIRECTIONS = 12
STEP = 1e-5
CLOSE, FAR = 1e-3, 0.8  # relative to slopes along random directions: clipping and penalties lie in between
LOSSES: dict[str, Callable[[Array, Array], float]] = {
    "cross-entropy": lambda a, t: -float((t * np.log(a)).sum()),
    "binary cross-entropy": lambda a, t: -float((t * np.log(a) + (1 - t) * np.log(1 - a)).sum()),
    "squared error": lambda a, t: float(np.square(a - t).sum()),
    "cross-entropy of scores": lambda a, t: -float((t * (a - np.logaddexp.reduce(a, axis=1, keepdims=True))).sum()),
}


def compared(script: Script, layout: Layout, parameters: list[Leaf], targets: Array) -> list[Finding]:
    """What is wrong according to the loss that most parameters agree with; nothing if no loss can be computed."""
    rows = layout.small_rows[:SAMPLES]
    indices = np.arange(len(rows))
    values = random_values(script, parameters, 3)
    try:
        params = layout.update(script, script.at(values), rows, indices)
        changes = {leaf: leaf.value(params) - values[leaf] for leaf in parameters}
    except Exception:  # raised by the script: it may accept only whole batches, or change shapes
        return []
    still = [leaf.name for leaf in parameters if not changes[leaf].any() and values[leaf].ndim > 1]
    verdicts = [
        {leaf: verdict(slopes_of(loss, values, leaf), change) for leaf, change in changes.items() if change.any()}
        for loss in losses(script, layout, rows, indices, targets[: len(rows)])
    ]
    best = max(verdicts, key=lambda found: sum(one in ("right", "uphill") for one in found.values()), default={})
    found = findings_from(best)
    if still and len(still) < len(parameters):
        evidence = f"step never changes {', '.join(still)}, which forward reads."
        found.append(Finding("parameter_not_updated", still[0], evidence, f"`{still[0]} -= alpha * gradient`"))
    return found


def losses(
    script: Script, layout: Layout, rows: Array, indices: Array, targets: Array
) -> list[Callable[[Values], float]]:
    """The script's own loss, then the usual losses of its outputs, as functions of the parameters."""

    def of_answers(usual: Callable[[Array, Array], float]) -> Callable[[Values], float]:
        return lambda values: usual(layout.answers(script, script.at(values), rows), targets)

    def own(values: Values) -> float:
        return float(layout.losses(script, script.at(values), rows, indices).sum())

    return [*([own] if script.loss else []), *(of_answers(usual) for usual in LOSSES.values())]


def slopes_of(loss: Callable[[Values], float], values: Values, leaf: Leaf) -> tuple[Array, Array]:
    """Slopes of a loss along random directions in one parameter, and those directions."""
    generator = np.random.default_rng(0)
    ways = generator.standard_normal((DIRECTIONS, *values[leaf].shape))
    slopes = [
        (loss(values | {leaf: values[leaf] + STEP * way}) - loss(values | {leaf: values[leaf] - STEP * way}))
        / (2 * STEP)
        for way in ways
    ]
    return np.array(slopes), ways


def verdict(found: tuple[Array, Array], change: Array) -> str:
    """Whether a change goes downhill, uphill, or elsewhere."""
    slopes, ways = found
    along = (ways * change).reshape(len(ways), -1).sum(axis=1)
    if not np.isfinite(slopes).all() or not slopes.any() or not along.any():
        return "unknown"
    scale = float(slopes @ along / (along @ along))
    left = np.linalg.norm(slopes - scale * along) / np.linalg.norm(slopes)
    if left > FAR:
        return "wrong"
    return "near" if left > CLOSE else "right" if scale < 0 else "uphill"


def findings_from(verdicts: dict[Leaf, str]) -> list[Finding]:
    """What the verdicts mean. The last wrong parameter is nearest to the cause."""
    uphill = [leaf.name for leaf, one in verdicts.items() if one == "uphill"]
    if uphill:
        evidence = f"The update of {', '.join(uphill)} increases the loss along random directions."
        return [Finding("gradient_sign", uphill[0], evidence, "`W = W - alpha * gradient`")]
    wrong = [leaf.name for leaf, one in verdicts.items() if one == "wrong"]
    if not wrong or not any(one == "right" for one in verdicts.values()):
        return []  # the loss may be an unknown one
    evidence = f"The update of {', '.join(wrong)} disagrees with the loss along random directions; the others agree."
    return [Finding("error_not_carried", wrong[-1], evidence, "Compare its gradient with central differences.")]
