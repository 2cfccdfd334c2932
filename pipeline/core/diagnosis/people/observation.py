"""What a single update changes, at parameters and samples of our choice."""

from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.script import Script
from pipeline.core.diagnosis.people.twin import Pass, Twin, Values

POINTS = 3  # sets of random parameters
SINGLES = 4  # single samples at each point
BATCH = 256  # samples in a batch, at most
DRAWS = 8  # random updates to average
GAIN = 1.6  # of random weights, relative to 1 / sqrt(inputs): some units are on, and none saturated


class Observation(NamedTuple):
    """One update."""

    before: Values
    after: Values
    x: Array  # (k, d)
    targets: Array  # (k, C)
    run: Pass  # of the twin, before the update

    def change(self, leaf: Leaf) -> Array:
        """What the update added to a parameter, broadcast if its shape changed."""
        difference: Array = self.after[leaf] - self.before[leaf]
        return difference

    def reshaped(self, leaf: Leaf) -> bool:
        """Whether the update changed the parameter's shape."""
        return self.after[leaf].shape != self.before[leaf].shape


class Observations(NamedTuple):
    """Updates on single samples and on batches. Either may be missing."""

    singles: list[Observation]
    batches: list[Observation]


class Observer:
    """Makes the script perform updates, and records what they change."""

    def __init__(self, script: Script, layout: Layout, twin: Twin, targets: Array) -> None:
        self.script, self.layout, self.twin, self.targets = script, layout, twin, targets
        self.is_random = False  # True if a step on the same batch changes on every call
        self.uses_given_samples = True  # False if step ignores the samples that it is given

    def observe(self, values: Values, rows: Array, indices: Array, reseed: int = 0) -> Observation | None:
        """One update; None if the script raises an exception, or the result is not finite."""
        try:
            params = self.layout.update(self.script, self.script.at(values, reseed), rows[indices], indices)
            after = {leaf: leaf.value(params) for leaf in self.twin.parameters}
        except Exception:  # raised by the script: it may accept only whole batches
            return None
        if not all(np.isfinite(value).all() for value in after.values()):
            return None
        x = rows[indices]
        return Observation(values, after, x, self.targets[indices], self.twin.run(values, x))

    def observations(self) -> Observations:
        """Updates at several points, on inputs of size at most 1."""
        rows = self.layout.small_rows
        points = [self.random_values(seed) for seed in range(10, 10 + POINTS)]
        self.uses_given_samples = not self.ignores_given_samples(points[0], rows)
        if not self.uses_given_samples:
            whole = [self.observe(values, self.layout.rows, np.arange(self.layout.count)) for values in points]
            return Observations([], [seen for seen in whole if seen])
        indices = self.varied_samples()
        singles = [self.observe(values, rows, np.array([index])) for values in points for index in indices]
        batches = []
        if self.layout.step != "single" and self.layout.count > 1:
            every = np.arange(min(self.layout.count, BATCH))
            batches = [self.observe(values, rows, every) for values in points]
            if not any(batches):
                batches = [self.observe(values, rows, np.arange(self.layout.count)) for values in points]
        found = Observations([seen for seen in singles if seen], [seen for seen in batches if seen])
        self.is_random = not self.is_steady(found.batches)
        return Observations(*(seen if self.is_steady(seen) else [] for seen in found))

    def random_updates(self) -> list[Observation]:
        """Updates of a random step on the same batch, with different random numbers."""
        rows = self.layout.small_rows
        every = np.arange(self.layout.count)
        seen = [self.observe(self.random_values(10), rows, every, reseed) for reseed in range(1, 1 + DRAWS)]
        return [one for one in seen if one]

    def at_start(self) -> Observation:
        """The script's initial parameters and its samples, without an update."""
        values = {leaf: leaf.value(self.script.params) for leaf in self.twin.parameters}
        rows = self.layout.rows[:BATCH]
        return Observation(values, values, rows, self.targets[:BATCH], self.twin.run(values, rows))

    def ignores_given_samples(self, values: Values, rows: Array) -> bool:
        """Whether step uses samples of its own instead of those that it is given."""
        every = np.arange(self.layout.count)
        seen = [self.observe(values, by * rows, every) for by in (1.0, 0.5)]
        one, other = seen
        if one is None or other is None or any(one.reshaped(leaf) or not one.change(leaf).any() for leaf in values):
            return False
        return all(np.array_equal(one.after[leaf], other.after[leaf]) for leaf in values)

    def is_steady(self, seen: list[Observation]) -> bool:
        """Whether an update is repeatable: there is nothing random, such as dropout or sampling, in it."""
        if not seen:
            return True
        one, indices = seen[0], self.varied_samples()[:1] if len(seen[0].x) == 1 else range(len(seen[0].x))
        rows = self.layout.small_rows
        again = self.observe(one.before, rows, np.array(list(indices)), reseed=1)
        return again is not None and all(np.allclose(again.after[leaf], one.after[leaf]) for leaf in one.after)

    def varied_samples(self) -> list[int]:
        """A few samples, with different targets if possible."""
        _, firsts = np.unique(self.targets, axis=0, return_index=True)
        others = [place for place in range(self.layout.count) if place not in firsts]
        return sorted([*firsts[:SINGLES].tolist(), *others][:SINGLES])

    def random_values(self, seed: int) -> Values:
        """Random parameters of the twin, scaled by each layer's inputs."""
        generator = np.random.default_rng(seed)
        values: Values = {}
        for layer in self.twin.layers:
            start = layer.weights.value(self.script.params)
            inputs = layer.matrix(start).shape[0]
            values[layer.weights] = generator.standard_normal(start.shape) * GAIN / np.sqrt(inputs)
            if layer.bias is not None:
                values[layer.bias] = 0.5 * generator.standard_normal(layer.bias.value(self.script.params).shape)
        return values
