"""Short trainings by the script's own step, as is or with one change: other inputs, weights, or step sizes."""

from copy import copy
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.losses import Known, entropy, usual_losses
from pipeline.core.diagnosis.people.output_errors import Loss
from pipeline.core.diagnosis.people.script import Script
from pipeline.core.diagnosis.people.twin import Twin, Values

MOST, LEAST = 300, 12  # updates, or passes over single samples
PRODUCTS = 3e9  # multiplications in a course, roughly: about half a second
SINGLES = 10_000  # steps in a course, if each takes one sample
SECONDS, FAST = 1.0, 0.002  # for a course of slow updates; an update within FAST is not slow
SAMPLES = 512


@dataclass(frozen=True)
class Course:
    """The record of a short training."""

    losses: list[float]  # per sample, before the first update and after each
    overflowed: bool  # whether the script's outputs stopped being finite while the twin's stayed finite
    values: Values  # final parameters

    @property
    def first(self) -> float:
        """The loss before any update."""
        return self.losses[0]

    @property
    def last(self) -> float:
        """The final loss; infinite if it is NaN."""
        return self.losses[-1] if np.isfinite(self.losses[-1]) else np.inf

    @property
    def updates(self) -> int:
        """The number of updates."""
        return len(self.losses) - 1

    @property
    def length(self) -> str:
        """The number of updates, in words."""
        return "1 update" if self.updates == 1 else f"{self.updates} updates"


class Rehearsal:
    """Trains with the script's own step."""

    def __init__(self, script: Script, layout: Layout, twin: Twin, targets: Array, loss: Loss | None) -> None:
        self.script, self.layout, self.twin = script, layout, twin
        self.indices = np.arange(min(layout.count, SAMPLES))
        self.targets = targets[self.indices]
        self.rows = layout.rows[self.indices]
        usual = usual_losses(twin.layers[-1].activation)
        self.loss: Known = next((known for known in usual if known.loss == loss), usual[0])
        self.start: Values = {leaf: leaf.value(script.params) for leaf in twin.parameters}
        numbers = sum(value.size for value in self.start.values())
        updates = PRODUCTS / (6 * numbers * len(self.rows))
        if layout.step == "single":
            updates = min(updates, SINGLES / len(self.rows))
        self.updates = int(np.clip(min(updates, SECONDS / self.seconds_of_an_update()), LEAST, MOST))

    def seconds_of_an_update(self) -> float:
        """How long a slow update takes. All fast ones count the same, so that timing does not affect the result."""
        params, began = self.script.at({}), perf_counter()
        try:
            self.layout.update(self.script, params, self.rows, self.indices)
        except Exception:  # raised by the script: the training will meet it too
            return FAST
        return max(FAST, perf_counter() - began - FAST)

    def of_network(self, twin: Twin) -> "Rehearsal":
        """The same for another network, on the same data."""
        other = copy(self)
        other.twin = twin
        return other

    def loss_at(self, values: Values, rows: Array) -> float:
        """The loss per sample, with outputs clipped so that the log of 0 does not occur."""
        run = self.twin.run(values, rows)
        near = np.clip(run.outputs[-1], -1e300, 1e300)
        if self.loss.loss == "cross-entropy" and self.twin.layers[-1].activation.name != "identity":
            near = np.clip(near, 1e-12 if near.min() >= 0 else -1 + 1e-12, 1 - 1e-12)
        return self.loss.of(run.sums[-1], near, self.targets) / len(rows)

    def guess(self) -> float:
        """The loss per sample of the best constant output."""
        mean = np.broadcast_to(self.targets.mean(axis=0), self.targets.shape)
        if self.loss.loss in ("squared error", "absolute error"):
            return self.loss.of(mean, mean, self.targets) / len(self.targets)
        total = self.targets.sum(axis=1)
        if self.targets.shape[1] > 1 and np.allclose(total, 1, atol=0.1):
            share = np.clip(mean, 1e-12, 1)
            return float(-(self.targets * np.log(share)).sum() / len(self.targets))
        share = np.clip(mean if self.targets.min() >= 0 else (1 + mean) / 2, 1e-12, 1 - 1e-12)
        t = self.targets if self.targets.min() >= 0 else (1 + self.targets) / 2
        return entropy(share, t) / len(self.targets)

    def train(self, values: Values | None = None, rows: Array | None = None, factor: float = 1.0) -> Course:
        """Train with these parameters and inputs, and with steps scaled by `factor`."""
        values = self.start if values is None else values
        rows = self.rows if rows is None else rows
        losses, overflowed = [self.loss_at(values, rows)], False
        params = self.script.at(values)
        for _ in range(self.updates):
            try:
                params = self.layout.update(self.script, params, rows, self.indices)
                after = {leaf: leaf.value(params) for leaf in values}
            except Exception:  # raised by the script, if a shape grew, for example
                break
            if factor != 1:
                after = {leaf: value + factor * (after[leaf] - value) for leaf, value in values.items()}
                params = self.script.at(after)
            finite = all(np.isfinite(value).all() for value in after.values())
            if not finite or any(after[leaf].shape != value.shape for leaf, value in values.items()):
                losses.append(np.inf)
                overflowed = self.overflows(values, rows)
                break
            values = after
            losses.append(self.loss_at(values, rows))
        return Course(losses, overflowed, values)

    def overflows(self, values: Values, rows: Array) -> bool:
        """Whether the script's outputs are not finite, although those of the twin, which can't overflow, are."""
        if not np.isfinite(self.twin.run(values, rows).outputs[-1]).all():
            return False
        try:
            answers = self.layout.answers(self.script, self.script.at(values), rows)
        except Exception:  # raised by the script
            return False
        return not np.isfinite(answers).all()
