"""What carries over between steps: momentum, accumulated gradients that are never reset, wrong update rules.

With gradients g and steps D, momentum gives D2 = beta * D1 - alpha * g2, with beta between 0 and 1 (Polyak, 1964). For
accumulated gradients that are never reset, beta is 1.
"""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.observation import BATCH, Observation, Observer
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.whole import flattened, gradient_of

CLOSE = 1e-4  # relative to a step: the residual if the rule explains it
A_LITTLE = 1e-3  # of the previous step: less is nothing
STEPS = 12
ENOUGH = 5  # numbers whose gradient keeps its sign
DYING = 0.3  # of the length that steps should still have


def wrong_rule(observer: Observer, top: OutputError) -> list[Finding]:
    """Compare the second of two steps with the first, over all parameters, then for each of them."""
    seen = steps_in_a_row(observer)
    if len(seen) < 2:
        return []
    leaves = observer.twin.parameters
    gradient = gradient_of(observer.twin, top, seen[1])
    together = carried_over(seen[:2], gradient, leaves)
    each = [carried_over(seen[:2], gradient, [leaf]) for leaf in leaves if seen[0].before[leaf].size >= ENOUGH]
    betas = [beta for beta in (together, *each) if beta is not None]
    if any(abs(beta - 1) <= A_LITTLE for beta in betas):
        evidence = "The second of two steps repeats the first and adds the new gradient: accumulated gradients are not "
        advice = "`dW[:] = 0`, for each accumulated gradient, at the start of a step."
        return [Finding("accumulator_not_reset", "step", evidence + "reset between steps.", advice)]
    beta = max(betas, key=lambda beta: abs(beta - 0.5), default=0.0)
    if beta < -A_LITTLE or beta > 1:
        evidence = f"The second of two steps contains {beta:.3g} times the first; momentum would be between 0 and 1."
        return [Finding("optimiser", "step", evidence, "`v = beta * v - alpha * gradient`, then `W = W + v`.")]
    return dying_or_climbing(observer, top, seen)


def carried_over(seen: list[Observation], gradient: dict[Leaf, Array], leaves: list[Leaf]) -> float | None:
    """How many times the second step contains the first, in some parameters; None if the rule is a different one."""
    first, second = (flattened({leaf: one.change(leaf) for leaf in leaves}, leaves) for one in seen)
    return by_least_squares(first, second, flattened(gradient, leaves))


def by_least_squares(first: Array, second: Array, gradient: Array) -> float | None:
    """The multiple of the first step in the second, if that and a multiple of the gradient explain it."""
    table = np.stack([first, -gradient], axis=1)
    if not np.isfinite(table).all() or not second.any():
        return None
    sizes = np.linalg.norm(table, axis=0)
    if not sizes.all():
        return None
    factors, _, rank, _ = np.linalg.lstsq(table / sizes, second, rcond=1e-9)
    factors = factors / sizes
    is_driven = abs(factors[1]) * sizes[1] > A_LITTLE * np.linalg.norm(second)  # not just the first step again
    if rank < 2 or not is_driven or np.linalg.norm(second - table @ factors) > CLOSE * np.linalg.norm(second):
        return None
    return float(factors[0])


def dying_or_climbing(observer: Observer, top: OutputError, seen: list[Observation]) -> list[Finding]:
    """A dozen steps of any other rule: they must go against the gradient, and not vanish before it does.

    Under a constant gradient, Adagrad's steps shrink as 1 / sqrt(t), and no usual rule's shrink faster.
    """
    if len(seen) < STEPS:
        return []
    leaves = observer.twin.parameters
    steps = np.array([flattened({leaf: one.change(leaf) for leaf in leaves}, leaves) for one in seen])
    slopes = np.array([flattened(gradient_of(observer.twin, top, one), leaves) for one in seen])
    steady = (np.sign(slopes) == np.sign(slopes[0])).all(axis=0) & (np.abs(slopes).min(axis=0) > 0) & (steps[0] != 0)
    if steady.sum() < ENOUGH:
        return []
    steps, slopes = steps[:, steady], np.abs(slopes[:, steady]) * np.sign(slopes[0, steady])
    advice = "Adam: `W -= alpha * m_hat / (np.sqrt(v_hat) + 1e-8)`, with `m / (1 - beta1**t)` and `v / (1 - beta2**t)`."
    for number, (step, slope) in enumerate(zip(steps, slopes, strict=True), start=1):
        uphill = float(np.mean(step * slope > 0))
        if uphill > 0.5:
            evidence = (
                f"Step {number} of {STEPS} on the same samples goes uphill in {uphill:.0%} of the numbers, although "
            )
            return [Finding("optimiser", "step", evidence + "the gradient never changes direction.", advice)]
    expected = np.abs(steps[0]) * np.abs(slopes[-1]) / np.abs(slopes).max(axis=0) / np.sqrt(STEPS)
    left = float(np.median(np.abs(steps[-1]) / np.maximum(expected, 1e-300)))
    if left < DYING:
        evidence = (
            f"Step {STEPS} on the same samples is only {left:.2g} times as long as the shortest of any standard rule."
        )
        return [Finding("optimiser", "step", evidence, "RMSprop: `cache = decay * cache + (1 - decay) * gradient**2`.")]
    return []


def steps_in_a_row(observer: Observer) -> list[Observation]:
    """Up to a dozen steps: on the same batch, or on two samples in turn if step takes one at a time."""
    layout, script, twin = observer.layout, observer.script, observer.twin
    rows = layout.small_rows
    every = np.arange(min(layout.count, BATCH))
    by_turns = [np.array([0]), np.array([layout.count - 1])] if layout.step == "single" else [every, every]
    values = observer.random_values(20)
    params, seen = script.at(values), []
    for number in range(STEPS):
        indices = by_turns[number % 2]
        try:
            params = layout.update(script, params, rows[indices], indices)
            after = {leaf: leaf.value(params).copy() for leaf in twin.parameters}
        except Exception:  # raised by the script: it may accept only whole batches
            break
        if any(
            after[leaf].shape != value.shape or not np.isfinite(after[leaf]).all() for leaf, value in values.items()
        ):
            break
        x = rows[indices]
        seen.append(Observation(values, after, x, observer.targets[indices], twin.run(values, x)))
        values = after
    return seen
