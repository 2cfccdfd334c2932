"""Parameters and inputs at which a network shows what it computes: sums of about 1, some above 0 and some below."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.script import Script
from pipeline.core.diagnosis.people.twin import Probe, Values

SAMPLES = 7
PLACES = 4  # random ones, at which a parameter is moved


def forward_parameters(script: Script, layout: Layout) -> list[Leaf]:
    """The leaves on which the answers depend, of those that may be parameters.

    Each is moved at several random places, since behind a ReLU that is off nothing shows.
    """
    rows = layout.rows[:SAMPLES]
    rows = rows / max(1.0, float(np.abs(rows).max()))
    movable = [leaf for leaf in script.leaves if is_movable(leaf, script)]
    found = set()
    for seed in range(PLACES):
        generator = np.random.default_rng(100 + seed)
        start = random_values(script, movable, seed) if seed else {}
        before = answers_or_none(script, layout, start, rows)
        if before is None:
            continue
        for leaf in movable:
            moved = start | {leaf: random_like(leaf, script, generator)}
            after = answers_or_none(script, layout, moved, rows)
            if after is not None and not np.array_equal(after, before, equal_nan=True):
                found.add(leaf)
    return [leaf for leaf in movable if leaf in found]


def answers_or_none(script: Script, layout: Layout, values: Values, rows: Array) -> Array | None:
    """The answers there, if there are any: a number that was moved may be a size."""
    try:
        return layout.answers(script, script.at(values), rows)
    except Exception:  # of theirs
        return None


def is_movable(leaf: Leaf, script: Script) -> bool:
    """Whether a leaf may be a parameter: counters and sizes are whole numbers other than 0."""
    raw = leaf.raw(script.params)
    if isinstance(raw, list):
        return True
    if isinstance(raw, int | np.integer) or (isinstance(raw, np.ndarray) and raw.dtype.kind != "f"):
        return isinstance(raw, np.ndarray) or raw == 0
    return True


def random_like(leaf: Leaf, script: Script, generator: np.random.Generator) -> Array:
    """Random numbers in a leaf's shape, such that sums of inputs of about 1 are about 1."""
    shape = leaf.value(script.params).shape
    fan_in = np.sqrt(np.prod(shape)) if len(shape) > 1 and min(shape) > 1 else 1.0
    return generator.standard_normal(shape) * (1.6 / np.sqrt(fan_in) if fan_in > 1 else 0.7)


def probe(script: Script, layout: Layout, values: Values, rows: Array) -> Probe:
    """What forward answers there."""
    return Probe(values, rows, layout.answers(script, script.at(values), rows))


def random_values(script: Script, parameters: list[Leaf], seed: int) -> Values:
    """Random parameters."""
    generator = np.random.default_rng(seed)
    return {leaf: random_like(leaf, script, generator) for leaf in parameters}


def probes_of(script: Script, layout: Layout, parameters: list[Leaf]) -> list[Probe]:
    """At two sets of random parameters: on inputs of size 1, and on inputs as they are, but for their size."""
    rows = layout.rows[:SAMPLES]
    size = float(np.abs(rows).max()) or 1.0
    return [
        probe(script, layout, random_values(script, parameters, 1), rows / size),
        probe(script, layout, random_values(script, parameters, 2), rows * min(1.0, 8 / size)),
    ]
