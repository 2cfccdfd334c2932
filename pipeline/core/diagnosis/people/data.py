"""Inputs and targets: can the outputs reach the targets, and do inputs and targets belong together?"""

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
ENOUGH = 40  # samples to tell chance from knowledge
DEVIATIONS = 3.0  # standard ones


def out_of_range(targets: Array, output: Activation) -> list[Finding]:
    """Targets that the last layer can't give, whatever its weights."""
    low, high = RANGES.get(output.name, (-np.inf, np.inf))
    if is_softmax(output):
        low, high = 0.0, 1.0
    beyond = (targets < low - 1e-9) | (targets > high + 1e-9)
    if beyond.any():
        evidence = f"The targets go from {targets.min():g} to {targets.max():g}, but a {output.name} gives "
        evidence += f"{low:g} to {high:g}: {beyond.mean():.0%} of them are out of reach."
        advice = "Scale the targets into that range, or leave the activation of the last layer out."
        return [Finding("targets_out_of_range", "y", evidence, advice)]
    return []


def constant(targets: Array) -> list[Finding]:
    """Targets that are the same for every sample."""
    if len(targets) < 2 or np.ptp(targets, axis=0).any():
        return []
    return [Finding("labels", "y", f"All {len(targets)} targets are the same.", "Look at how y is read.")]


def sums_of_targets(targets: Array, output: Activation) -> list[Finding]:
    """Targets of a softmax that are no distribution."""
    sums = targets.sum(axis=1)
    if not is_softmax(output) or np.ptp(sums) <= 1e-6 or targets.min() < 0:
        return []
    evidence = (
        f"The targets of a sample sum to {sums.min():g} for some and {sums.max():g} for others, where the softmax's "
    )
    return [Finding("labels", "y", evidence + "answers sum to 1.", "`np.eye(classes)[labels]` has one 1 in each row.")]


def empty_class(targets: Array, output: Activation) -> list[Finding]:
    """A first class that no sample has, though the last one and all between are there."""
    hot = targets.max() > targets.min() and targets.shape[1] > 2
    counts = (targets == targets.max()).sum(axis=0)
    if not hot or counts[0] or not counts[1:].all() or len(targets) < 5 * targets.shape[1] or output.name == "identity":
        return []
    evidence = f"No target is of class 0, but all of the classes 1 to {targets.shape[1] - 1} are there."
    return [
        Finding("labels", "y", evidence, f"`np.eye({targets.shape[1] - 1})[labels - 1]`: number classes from 0 on.")
    ]


def scrambled(rows: Array, targets: Array) -> list[Finding]:
    """Equal inputs with different targets, or targets that have nothing to do with their nearest neighbours'."""
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
            advice = "Shuffle both by one permutation: `order = rng.permutation(len(x))`, then `x[order], y[order]`."
            return [Finding("data_scrambled", "x and y", evidence + "targets: shuffling has overwritten rows.", advice)]
    return []


def is_chance(rows: Array, targets: Array) -> bool:
    """Whether the nearest neighbour knows no more of a target than chance."""
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
    """Targets that have nothing to do with the inputs."""
    if not is_chance(rows, targets):
        return []
    evidence = "The nearest neighbour of a sample has its target no more often than chance: inputs and targets do not "
    advice = "Shuffle both by one permutation: `order = rng.permutation(len(x))`, then `x[order], y[order]`."
    return [Finding("data_scrambled", "x and y", evidence + "belong together.", advice)]
