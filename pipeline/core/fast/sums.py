"""Sums over blocks of images: gradient, loss and correct predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.fast.labels import Labels
from pipeline.core.fast.stack import Passes, Scores, Stack, is_finite
from pipeline.core.network import Reduction


@dataclass
class Sums:
    """The sums over some blocks, for each of K networks."""

    gradient: Stack
    certainty: NDArray[np.float64]  # of the labels' logits, each minus the maximum of its image
    logs: NDArray[np.float64]  # of the logs of the softmaxes' denominators
    right: NDArray[np.int64]

    @classmethod
    def zero(cls, stacked: Stack) -> "Sums":
        """Empty sums."""
        networks = stacked[0].shape[1]
        gradient = [np.zeros_like(table, order="C") for table in stacked]  # so that a reshaped one is a view
        return cls(gradient, np.zeros(networks), np.zeros(networks), np.zeros(networks, np.int64))

    def add(self, other: "Sums") -> None:
        """Add the sums over other blocks."""
        self.certainty += other.certainty
        self.logs += other.logs
        self.right += other.right
        for mine, theirs in zip(self.gradient, other.gradient, strict=True):
            mine += theirs

    def put(self, chosen: Sequence[int], others: "Sums") -> None:
        """Take over the sums of the chosen networks."""
        self.certainty[chosen], self.logs[chosen], self.right[chosen] = others.certainty, others.logs, others.right
        for mine, theirs in zip(self.gradient, others.gradient, strict=True):
            mine[:, chosen] = theirs

    def scores(self, images: int) -> Scores:
        """Loss and accuracy. A sample's loss is the log of its denominator minus its label's logit."""
        return Scores((self.logs - self.certainty) / images, self.right / images)

    def passes(self, images: int, reduction: Reduction, with_scores: bool) -> Passes:
        """The results of a pass over this many images; overwrites the gradient."""
        if reduction == "mean":
            for slope in self.gradient:
                slope /= images
        # A block with values that are not finite has labels' logits that are not finite.
        scores = self.scores(images) if with_scores else None
        return Passes(self.gradient, is_finite(self.certainty / images), scores)


def right_answers(logits: Array, of_label: Array, labels: Labels) -> NDArray[np.int64]:
    """How many images each network classifies correctly, (K,), from logits (K, C, m) with maximum 0 for each image.

    In a tie the first class wins, as with argmax. argmax is slow, so it is used only where there are ties.
    """
    right, is_largest = of_label == 0, logits == 0
    for k, largest in enumerate(is_largest):
        if np.count_nonzero(largest) > len(labels.values):
            right[k] = logits[k].argmax(axis=0) == labels.values
    return np.array([np.count_nonzero(each) for each in right])  # faster than with an axis
