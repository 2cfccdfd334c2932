"""What is known before the first update: about the code, the data, and the untrained network."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array, Samples
from pipeline.core.diagnosis.curvature import Curvature
from pipeline.core.diagnosis.gradient_check import CodeCheck
from pipeline.core.network import Network
from pipeline.core.vitals import entropy

DEVIATIONS = 4.0  # standard deviations within which a share counts as chance


class DataCheck(NamedTuple):
    """Facts about the images and labels."""

    images: int  # for training
    counts: list[int]  # training images of each class
    input_size: float  # root mean square of the network's inputs: at most about 1 if they are normalised
    chance: float  # share of the most frequent class among the validation images
    by_nearest_mean: float  # mean recall of a classifier that picks the class with the nearest mean image
    validated: int  # validation images behind these two

    @property
    def present(self) -> list[int]:
        """The classes that have training images."""
        return [k for k, count in enumerate(self.counts) if count]

    def margin(self, share: float) -> float:
        """How far a share measured on the validation images may deviate from `share` by chance."""
        return DEVIATIONS * float(np.sqrt(share * (1 - share) / self.validated))

    @property
    def guess(self) -> float:
        """The loss, in nats, of a network that knows only the class frequencies: ln(C) if they are equal."""
        return entropy(np.array(self.counts))


@dataclass(frozen=True)
class Checkup:
    """Everything known before the first update."""

    code: CodeCheck
    data: DataCheck
    has_equal_units: bool  # whether all units of some hidden layer start out identical
    largest_logit: float  # of the untrained network
    gain: float  # see `gain_of`
    curvature: Curvature  # of the mean loss at the untrained network


def check_data(training: Samples, labels: Array, validation: Samples, classes: int) -> DataCheck:
    """Check some normalised training images, the labels (n,) of all training images, and some validation images."""
    counts = np.bincount(labels, minlength=classes)
    of_validation = np.bincount(validation.labels, minlength=classes)
    return DataCheck(
        images=len(labels),
        counts=counts.tolist(),
        input_size=float(np.sqrt(np.square(training.x, dtype=np.float64).mean())),
        chance=float(of_validation.max() / of_validation.sum()),
        by_nearest_mean=nearest_mean_recall(training, validation),
        validated=len(validation.labels),
    )


def nearest_mean_recall(training: Samples, validation: Samples) -> float:
    """The share of a class's validation images, 0 to 1, that lie nearest to its mean, averaged over the classes."""
    known = np.unique(training.labels)
    means = np.stack([training.x[training.labels == k].mean(axis=0) for k in known])
    # The squared distance, without the term that is the same for all means.
    distances = np.square(means).sum(axis=1) - 2 * validation.x @ means.T
    is_right = known[distances.argmin(axis=1)] == validation.labels
    return float(np.mean([is_right[validation.labels == k].mean() for k in np.unique(validation.labels)]))


def has_equal_units(network: Network) -> bool:
    """Whether some hidden layer has several units, all with the same weights and bias."""
    return any(
        bias.size > 1 and bool((weights == weights[:, :1]).all() and (bias == bias[0]).all())
        for weights, bias in network[:-1]
    )


def gain_of(network: Network) -> float:
    """How much the initial weights amplify the signal, relative to those of `initialisation.he`.

    A ReLU layer with f inputs, and weights of root mean square r, amplifies it by r sqrt(f / 2).
    """
    gains = [np.sqrt(np.square(weights).mean() * len(weights) / 2) for weights, _ in network]
    return float(np.prod(gains))
