"""What blocks of images add up to: gradient, loss and right answers."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.elementary import log
from pipeline.core.fast.labels import Labels
from pipeline.core.fast.stack import Passes, Scores, Stack
from pipeline.core.network import Reduction

SAFE_EXPONENT = 1000  # a product below 2^1000 is finite


@dataclass
class Sums:
    """The sums over some blocks, for each of K networks."""

    gradient: Stack
    right: NDArray[np.int64]
    certainty: NDArray[np.float64]  # the sum of the labels' logits, each less the largest of its image
    totals: list[NDArray[np.float64]] = field(default_factory=list)  # products of softmaxes' denominators, (K, some)

    @classmethod
    def zero(cls, stacked: Stack) -> "Sums":
        """Nothing yet."""
        networks = stacked[0].shape[1]
        return cls([np.zeros_like(table) for table in stacked], np.zeros(networks, np.int64), np.zeros(networks))

    def add(self, other: "Sums") -> None:
        """Add the sums over other blocks."""
        self.right += other.right
        self.certainty += other.certainty
        self.totals += other.totals
        for mine, theirs in zip(self.gradient, other.gradient, strict=True):
            mine += theirs

    def add_logits(self, logits: Array, labels: Labels, with_scores: bool) -> None:
        """Add what a block's logits (K, C, m) tell, of which the largest is 0 for each image."""
        of_label = np.ascontiguousarray(logits[labels.place])
        self.certainty += of_label.sum(axis=1, dtype=np.float64)
        if with_scores:
            self.right += right_answers(logits, of_label, labels)

    def add_totals(self, totals: Array, classes: int) -> None:
        """Add a block's denominators (K, m): no more than so many classes, so that some of them can be multiplied."""
        at_once = SAFE_EXPONENT // classes.bit_length()
        starts = np.arange(0, totals.shape[1], at_once)
        self.totals.append(np.multiply.reduceat(totals, starts, axis=1, dtype=np.float64))

    def passes(self, images: int, reduction: Reduction, with_scores: bool) -> Passes:
        """The outcome of a pass over so many images; the gradient is used up."""
        if reduction == "mean":
            for slope in self.gradient:
                slope /= images
        return Passes(self.gradient, self.is_finite, self.scores(images) if with_scores else None)

    @property
    def is_finite(self) -> NDArray[np.bool_]:
        """Whether each network's loss is, (K,). What is not finite in a block shows in the labels' logits."""
        return np.isfinite(self.certainty)

    def scores(self, images: int) -> Scores:
        """Loss and accuracy. A loss is log(total) less the label's logit; a sum of logs is the log of a product."""
        loss = log(np.concatenate(self.totals, axis=1)).sum(axis=1) - self.certainty
        return Scores(loss / images, self.right / images)


def right_answers(logits: Array, of_label: Array, labels: Labels) -> NDArray[np.int64]:
    """How many images each network tells right, (K,), from logits (K, C, m) of which the largest is 0 for each image.

    Of equal logits the first is the answer, as it is for argmax, which is slow and so only asked where there are some.
    """
    right, is_largest = of_label == 0, logits == 0
    if np.count_nonzero(is_largest) != right.size:
        for k, largest in enumerate(is_largest):
            if np.count_nonzero(largest) > len(labels.values):
                right[k] = logits[k].argmax(axis=0) == labels.values
    return np.array([np.count_nonzero(each) for each in right])  # which is faster than with an axis
