"""Parameters and inputs that reveal what a network computes: pre-activations of about 1, of both signs."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.script import Script
from pipeline.core.diagnosis.people.twin import Probe, Values

SAMPLES = 7
PLACES = 4  # random points at which to change a parameter


def forward_parameters(script: Script, layout: Layout) -> list[Leaf]:
    """The leaves that may be parameters and that affect the outputs.

    Each is changed at several random points, since a change behind a dead ReLU has no effect.
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
    """The outputs, or None if forward fails: the changed number may have been a size."""
    try:
        return layout.answers(script, script.at(values), rows)
    except Exception:  # raised by the script
        return None


def is_movable(leaf: Leaf, script: Script) -> bool:
    """Whether a leaf may be a parameter. Non-zero integers are counters or sizes."""
    raw = leaf.raw(script.params)
    if isinstance(raw, list):
        return True
    if isinstance(raw, int | np.integer) or (isinstance(raw, np.ndarray) and raw.dtype.kind != "f"):
        return isinstance(raw, np.ndarray) or raw == 0
    return True


def random_like(leaf: Leaf, script: Script, generator: np.random.Generator) -> Array:
    """Random numbers in a leaf's shape, scaled so that inputs of about 1 give pre-activations of about 1."""
    shape = leaf.value(script.params).shape
    fan_in = np.sqrt(np.prod(shape)) if len(shape) > 1 and min(shape) > 1 else 1.0
    return generator.standard_normal(shape) * (1.6 / np.sqrt(fan_in) if fan_in > 1 else 0.7)


def probe(script: Script, layout: Layout, values: Values, rows: Array) -> Probe:
    """The outputs of forward at these parameters and inputs."""
    return Probe(values, rows, layout.answers(script, script.at(values), rows))


def random_values(script: Script, parameters: list[Leaf], seed: int) -> Values:
    """Random parameters."""
    generator = np.random.default_rng(seed)
    return {leaf: random_like(leaf, script, generator) for leaf in parameters}


def probes_of(script: Script, layout: Layout, parameters: list[Leaf]) -> list[Probe]:
    """Probes at two sets of random parameters: on inputs scaled to 1, and on inputs limited to 8."""
    rows = layout.rows[:SAMPLES]
    size = float(np.abs(rows).max()) or 1.0
    return [
        probe(script, layout, random_values(script, parameters, 1), rows / size),
        probe(script, layout, random_values(script, parameters, 2), rows * min(1.0, 8 / size)),
    ]
