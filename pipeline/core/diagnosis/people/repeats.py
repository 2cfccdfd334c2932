"""Steps that are more than one update: loops over the samples or over minibatches, and epochs inside a step."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.observation import Observation, Witness
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.script import Values
from pipeline.core.diagnosis.people.twin import Twin
from pipeline.core.diagnosis.people.whole import gradient_of, in_a_row

CHUNKS = (1, 2, 4, 5, 8, 10, 16, 20, 25, 30, 32, 50, 64, 100, 128)  # samples of a minibatch
TIMES = (2, 3, 4, 5, 6, 8, 10, 15, 16, 20, 25, 30, 32, 50, 64, 100, 200, 500, 1000)  # updates in a step
CLOSE = 1e-3  # of a change


def is_a_loop(witness: Witness, one: Observation) -> bool:
    """Whether a step on a batch is steps on its samples, or on minibatches, one after the other."""
    if any(one.reshaped(leaf) for leaf in witness.twin.parameters):
        return False
    count = len(one.x)
    sizes = [size for size in CHUNKS if size < count]
    return any(is_made_of(witness, one, np.split(np.arange(count), np.arange(size, count, size))) for size in sizes)


def is_made_of(witness: Witness, one: Observation, parts: list[Array]) -> bool:
    """Whether steps on these parts have the same end."""
    layout, script = witness.layout, witness.script
    rows = layout.rows / max(1.0, float(np.abs(layout.rows).max()))
    params = script.at(one.before)
    try:
        for part in parts:
            params = layout.update(script, params, rows[part], part)
        ends = {leaf: leaf.value(params) for leaf in witness.twin.parameters}
    except Exception:  # of theirs: it may take whole batches alone
        return False
    return all(np.allclose(end, one.after[leaf], rtol=1e-9, atol=1e-12) for leaf, end in ends.items())


def updates_inside(twin: Twin, top: OutputError, one: Observation) -> int | None:
    """How many updates of plain descent on the same samples a step is; None where it is something else."""
    leaves = twin.parameters
    change = in_a_row({leaf: one.change(leaf) for leaf in leaves}, leaves)
    gradient = in_a_row(gradient_of(twin, top, one), leaves)
    if not gradient.any():
        return None
    for times in TIMES:
        alpha = -float(change @ gradient / (gradient @ gradient)) / times
        for _ in range(4):  # the length of the change tells alpha, a little better each time
            if not (0 < alpha < np.inf):
                break
            found = in_a_row(descend(twin, top, one, alpha, times), leaves) - in_a_row(one.before, leaves)
            if np.linalg.norm(found - change) <= CLOSE * np.linalg.norm(change):
                return times
            alpha *= float(np.linalg.norm(change)) / max(float(np.linalg.norm(found)), 1e-300)
    return None


def descend(twin: Twin, top: OutputError, one: Observation, alpha: float, times: int) -> Values:
    """Plain descent of the twin."""
    values = dict(one.before)
    for _ in range(times):
        gradient = gradient_of(twin, top, one._replace(before=values, run=twin.run(values, one.x)))
        values = {leaf: value - alpha * gradient[leaf] for leaf, value in values.items()}
    return values
