"""Steps that consist of several updates: loops over samples or minibatches, and epochs inside a step."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.observation import Observation, Observer
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.twin import Twin, Values
from pipeline.core.diagnosis.people.whole import flattened, gradient_of

CHUNKS = (1, 2, 4, 5, 8, 10, 16, 20, 25, 30, 32, 50, 64, 100, 128)  # samples in a minibatch
TIMES = (2, 3, 4, 5, 6, 8, 10, 20, 50, 100)  # updates in a step
GUESSES = 8  # of alpha
CLOSE = 1e-3  # relative to a change


def is_a_loop(observer: Observer, one: Observation) -> bool:
    """Whether a step on a batch equals successive steps on its samples, or on minibatches."""
    if any(one.reshaped(leaf) for leaf in observer.twin.parameters):
        return False
    count = len(one.x)
    sizes = [size for size in CHUNKS if size < count]
    return any(is_made_of(observer, one, np.split(np.arange(count), np.arange(size, count, size))) for size in sizes)


def is_made_of(observer: Observer, one: Observation, parts: list[Array]) -> bool:
    """Whether successive steps on these parts have the same result."""
    layout, script = observer.layout, observer.script
    rows = layout.small_rows
    params = script.at(one.before)
    try:
        for part in parts:
            params = layout.update(script, params, rows[part], part)
        ends = {leaf: leaf.value(params) for leaf in observer.twin.parameters}
    except Exception:  # raised by the script: it may accept only whole batches
        return False
    return all(np.allclose(end, one.after[leaf], rtol=1e-9, atol=1e-12) for leaf, end in ends.items())


def updates_inside(twin: Twin, top: OutputError, one: Observation) -> int | None:
    """How many updates of plain gradient descent on the same samples a step consists of; None if it is not that."""
    change = flattened({leaf: one.change(leaf) for leaf in twin.parameters}, twin.parameters)
    return next((times for times in TIMES if has_alpha(twin, top, one, times, change)), None)


def has_alpha(twin: Twin, top: OutputError, one: Observation, times: int, change: Array) -> bool:
    """Whether this many updates make the change, for some alpha, which the secant method finds from its length."""
    gradient, before = (flattened(v, twin.parameters) for v in (gradient_of(twin, top, one), one.before))
    length = float(np.linalg.norm(change))
    alpha = -float(change @ gradient) / max(float(gradient @ gradient), 1e-300) / times
    tried: list[tuple[float, float]] = []  # logs of alpha, and of the ratio of the lengths
    for _ in range(GUESSES):
        if not 0 < alpha < 1e6:
            return False
        found = flattened(descended(twin, top, one, alpha, times), twin.parameters) - before
        if np.linalg.norm(found - change) <= CLOSE * length:
            return True
        tried.append((float(np.log(alpha)), float(np.log(max(float(np.linalg.norm(found)), 1e-300) / length))))
        slope = 1.0
        if len(tried) > 1 and tried[-1][0] != tried[-2][0]:
            slope = (tried[-1][1] - tried[-2][1]) / (tried[-1][0] - tried[-2][0])
        alpha = float(np.exp(tried[-1][0] - tried[-1][1] / slope)) if abs(slope) > 0.05 else 0.0
    return False


def descended(twin: Twin, top: OutputError, one: Observation, alpha: float, times: int) -> Values:
    """The twin's parameters after plain gradient descent."""
    values = dict(one.before)
    for _ in range(times):
        gradient = gradient_of(twin, top, one._replace(before=values, run=twin.run(values, one.x)))
        values = {leaf: value - alpha * gradient[leaf] for leaf, value in values.items()}
    return values
