"""What can be known before the first update: of the code, of the data, and of the network to start from."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array, Samples
from pipeline.core.diagnosis.code import CodeCheck
from pipeline.core.diagnosis.curvature import Bends
from pipeline.core.network import Network
from pipeline.core.vitals import entropy

DEVIATIONS = 4.0  # standard ones, within which a share is taken to be chance


class DataCheck(NamedTuple):
    """What the images and labels are like."""

    images: int  # that train
    counts: list[int]  # of each class among them
    input_size: float  # the root mean square of the normalised inputs: about 1 at most, if they are
    chance: float  # the share of the most frequent class among the validation images
    by_nearest_mean: float  # the mean recall of a classifier that takes the class whose mean image is nearest
    validated: int  # images that these two are of

    @property
    def present(self) -> list[int]:
        """The classes that have training images."""
        return [k for k, count in enumerate(self.counts) if count]

    def margin(self, share: float) -> float:
        """By how much a share of the validation images that is found by chance may differ from what it should be."""
        return DEVIATIONS * float(np.sqrt(share * (1 - share) / self.validated))

    @property
    def guess(self) -> float:
        """The loss, in nats, of a network that only knows how frequent each class is: ln(C) if all are equal."""
        return entropy(np.array(self.counts))


@dataclass(frozen=True)
class Checkup:
    """Everything that is known before the first update."""

    code: CodeCheck
    data: DataCheck
    has_equal_units: bool  # whether all units of a hidden layer start the same
    largest_logit: float  # of the untrained network
    gain: float  # see `gain_of`
    bends: Bends  # of the mean of the samples' losses there


def check_data(training: Samples, labels: Array, validation: Samples, classes: int) -> DataCheck:
    """Check some normalised images that train, the labels (n,) of all that do, and some that validate."""
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
    """How many of a class's validation images, 0 to 1, are nearest to the mean of that class; on average over them."""
    known = np.unique(training.labels)
    means = np.stack([training.x[training.labels == k].mean(axis=0) for k in known])
    # The squared distance, less what is the same for all means.
    distances = np.square(means).sum(axis=1) - 2 * validation.x @ means.T
    is_right = known[distances.argmin(axis=1)] == validation.labels
    return float(np.mean([is_right[validation.labels == k].mean() for k in np.unique(validation.labels)]))


def has_equal_units(network: Network) -> bool:
    """Whether a hidden layer has several units, all with the same weights and bias."""
    return any(
        bias.size > 1 and bool((weights == weights[:, :1]).all() and (bias == bias[0]).all())
        for weights, bias in network[:-1]
    )


def gain_of(network: Network) -> float:
    """How much larger the initial weights make what passes all layers than those of `initialisation.he` would.

    A layer of f inputs and weights of the root mean square r makes it larger by r sqrt(f / 2), through its ReLUs.
    """
    gains = [np.sqrt(np.square(weights).mean() * len(weights) / 2) for weights, _ in network]
    return float(np.prod(gains))
