"""Checks of the data: can outputs reach the targets, and do inputs and targets belong together?"""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.activations import Activation
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.output_errors import is_softmax

RANGES = {
    "sigmoid": (0.0, 1.0),
    "sigmoid of 2z": (0.0, 1.0),
    "bipolar sigmoid": (-1.0, 1.0),
    "tanh": (-1.0, 1.0),
    "ReLU": (0.0, np.inf),
    "scaled tanh": (-1.7159, 1.7159),
}
ENOUGH = 40  # samples to distinguish knowledge from chance
DEVIATIONS = 3.0  # standard deviations


def out_of_range(targets: Array, output: Activation) -> list[Finding]:
    """Targets that the last layer can't reach, whatever its weights."""
    low, high = RANGES.get(output.name, (-np.inf, np.inf))
    if is_softmax(output):
        low, high = 0.0, 1.0
    beyond = (targets < low - 1e-9) | (targets > high + 1e-9)
    if beyond.any():
        evidence = f"The targets range from {targets.min():g} to {targets.max():g}, but the {output.name} ranges from "
        evidence += f"{low:g} to {high:g}: {beyond.mean():.0%} of the targets are out of reach."
        advice = "Scale the targets to that range, or remove the last layer's activation."
        return [Finding("targets_out_of_range", "y", evidence, advice)]
    return []


def constant(targets: Array) -> list[Finding]:
    """Targets that are the same for every sample."""
    if len(targets) < 2 or np.ptp(targets, axis=0).any():
        return []
    return [Finding("labels", "y", f"All {len(targets)} targets are the same.", "Check the code that reads y.")]


def sums_of_targets(targets: Array, output: Activation) -> list[Finding]:
    """Targets of a softmax that are not distributions."""
    sums = targets.sum(axis=1)
    if not is_softmax(output) or np.ptp(sums) <= 1e-6 or targets.min() < 0:
        return []
    evidence = (
        f"The targets sum to {sums.min():g} for some samples and to {sums.max():g} for others, but the softmax's "
    )
    return [Finding("labels", "y", evidence + "outputs sum to 1.", "`np.eye(classes)[labels]` has one 1 per row.")]


def empty_class(targets: Array, output: Activation) -> list[Finding]:
    """A first class without samples, although all other classes have some."""
    hot = targets.max() > targets.min() and targets.shape[1] > 2
    counts = (targets == targets.max()).sum(axis=0)
    if not hot or counts[0] or not counts[1:].all() or len(targets) < 5 * targets.shape[1] or output.name == "identity":
        return []
    evidence = f"No target is of class 0, but all of the classes 1 to {targets.shape[1] - 1} occur."
    return [
        Finding("labels", "y", evidence, f"`np.eye({targets.shape[1] - 1})[labels - 1]` numbers the classes from 0.")
    ]


def scrambled(rows: Array, targets: Array) -> list[Finding]:
    """Repeated inputs that have different targets."""
    classes = np.unique(targets, axis=0, return_inverse=True)[1].ravel()
    if len(rows) < ENOUGH or classes.max() < 1 or classes.max() > len(rows) / 4:
        return []
    _, groups, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    groups = groups.ravel()
    if rows.shape[1] > 3 and np.unique(rows[0]).size > 2 and counts.max() > 1:
        repeated = counts[groups] > 1
        conflicts = [np.unique(classes[groups == group]).size > 1 for group in np.unique(groups[repeated])]
        if repeated.mean() > 0.2 and np.mean(conflicts) > 0.5:
            evidence = f"{repeated.sum()} of {len(rows)} inputs occur more than once, most of them with different "
            advice = "Use one permutation for both: `order = rng.permutation(len(x))`, then `x[order], y[order]`."
            return [Finding("data_scrambled", "x and y", evidence + "targets: shuffling has overwritten rows.", advice)]
    return []


def is_chance(rows: Array, targets: Array) -> bool:
    """Whether the nearest neighbour predicts targets no better than chance."""
    classes = np.unique(targets, axis=0, return_inverse=True)[1].ravel()
    if len(rows) < ENOUGH or classes.max() < 1 or classes.max() > len(rows) / 4:
        return False
    spread = rows.std(axis=0)
    x = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    squares = np.square(x).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    share = float((classes[distances.argmin(axis=1)] == classes).mean())
    shares = np.bincount(classes) / len(classes)
    chance = float(np.square(shares).sum())
    return bool(share < chance + DEVIATIONS * np.sqrt(chance * (1 - chance) / len(classes)))


def unrelated(rows: Array, targets: Array) -> list[Finding]:
    """Targets that are unrelated to the inputs."""
    if not is_chance(rows, targets):
        return []
    evidence = "Nearest neighbours share a target no more often than by chance: inputs and targets do not match."
    advice = "Use one permutation for both: `order = rng.permutation(len(x))`, then `x[order], y[order]`."
    return [Finding("data_scrambled", "x and y", evidence, advice)]
