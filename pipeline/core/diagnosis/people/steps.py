"""What carries over from one step to the next: momentum, sums of gradients that are never reset, wrong rules.

With a gradient g and a step D, momentum makes D2 = beta * D1 - alpha * g2, with beta between 0 and 1 (Polyak, 1964). A
sum of gradients that goes on has a beta of 1.
"""

from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.observation import Observation, Witness
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.whole import gradient_of, in_a_row

CLOSE = 1e-4  # of a step: what is left of it where the rule explains it
A_LITTLE = 1e-3  # of the step before, that is nothing


class Carried(NamedTuple):
    """How a second step follows from the first."""

    beta: float  # of the first step
    alpha: float  # of the gradient


def wrong_rule(witness: Witness, top: OutputError) -> list[Finding]:
    """Compare the second of two steps with the first."""
    carried = carried_over(witness, top)
    if carried is None:
        return []
    beta = carried.beta
    if abs(beta - 1) <= A_LITTLE:
        evidence = "The second of two steps is the first one once more, less alpha times the new gradient: sums of "
        advice = "Set the sums of gradients to zero at the start of each step: `dW[:] = 0`."
        return [Finding("accumulator_not_reset", "step", evidence + "gradients go on from step to step.", advice)]
    if beta < -A_LITTLE or beta > 1:
        evidence = f"The second of two steps has {beta:.3g} times the first one in it, where momentum has 0 to 1."
        return [Finding("optimiser", "step", evidence, "`v = beta * v - alpha * gradient`, then `W = W + v`.")]
    return []


def carried_over(witness: Witness, top: OutputError) -> Carried | None:
    """What the second step has of the first; None where steps are made by another rule, or do not work out."""
    first = two_steps(witness)
    if first is None:
        return None
    leaves = witness.twin.parameters
    before, second = first
    if any(one.reshaped(leaf) for one in first for leaf in leaves):
        return None
    steps = [in_a_row({leaf: one.change(leaf) for leaf in leaves}, leaves) for one in (before, second)]
    gradient = in_a_row(gradient_of(witness.twin, top, second), leaves)
    return by_least_squares(steps[0], steps[1], gradient)


def by_least_squares(first: Array, second: Array, gradient: Array) -> Carried | None:
    """The two factors, if they explain the second step."""
    table = np.stack([first, -gradient], axis=1)
    if not np.isfinite(table).all() or not second.any():
        return None
    sizes = np.linalg.norm(table, axis=0)
    if not sizes.all():
        return None
    factors, _, rank, _ = np.linalg.lstsq(table / sizes, second, rcond=1e-9)
    factors = factors / sizes
    if rank < 2 or np.linalg.norm(second - table @ factors) > CLOSE * np.linalg.norm(second):
        return None
    return Carried(float(factors[0]), float(factors[1]))


def two_steps(witness: Witness) -> tuple[Observation, Observation] | None:
    """Two steps in a row, on different samples where one is taken at a time."""
    layout, script, twin = witness.layout, witness.script, witness.twin
    rows = layout.rows / max(1.0, float(np.abs(layout.rows).max()))
    every = np.arange(min(layout.count, 64))
    places = [every, every] if layout.step != "single" else [np.array([0]), np.array([layout.count - 1])]
    values = witness.random_values(20)
    params, seen = script.at(values), []
    for chosen in places:
        try:
            params = layout.update(script, params, rows[chosen], chosen)
            after = {leaf: leaf.value(params).copy() for leaf in twin.parameters}
        except Exception:  # of theirs: it may take whole batches alone
            return None
        x = rows[chosen]
        if any(after[leaf].shape != value.shape for leaf, value in values.items()):
            return None
        seen.append(Observation(values, after, x, witness.targets[chosen], twin.run(values, x)))
        values = after
    return seen[0], seen[1]
