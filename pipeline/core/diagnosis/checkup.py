"""What can be known before the first update: of the code, of the data, and of the network to start from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.core import faults
from pipeline.core.arrays import Array, Samples
from pipeline.core.diagnosis.code import Code, CodeCheck, Parameters, check_gradient, check_softmax
from pipeline.core.diagnosis.curvature import Bends
from pipeline.core.faults import Fault
from pipeline.core.initialisation import initialise
from pipeline.core.network import Layer, Network, Reduction, forward, measure
from pipeline.core.vitals import entropy

LAYERS_OF_A_CODE_CHECK = 4
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
    """All of it."""

    code: CodeCheck
    data: DataCheck
    has_equal_units: bool  # whether all units of a hidden layer start the same
    largest_logit: float  # of the untrained network
    gain: float  # see `gain_of`
    bends: Bends  # of the mean of the samples' losses there


def check_code(
    sizes: Sequence[int],
    reduction: Reduction,
    fault: Fault | None,
    samples: Samples,
    gradient_of: Callable[[Network], Network],
) -> CodeCheck:
    """Check what a network of layer sizes d-H-...-C is trained by: its gradient on some samples, next to its loss.

    It is checked at random weights, since a gradient of zeros, as a network of zeros has it, would show nothing; and
    with a few layers, since all of them run the same code.
    """
    rng = np.random.default_rng(0)
    network = initialise([*sizes[:-1][:LAYERS_OF_A_CODE_CHECK], sizes[-1]], "he", 0.0, "float64", rng)
    # With biases of 0, the units behind a layer that is off would be just where their ReLU turns.
    parameters = [values for layer in network for values in (layer.weights, rng.uniform(-0.1, 0.1, layer.bias.shape))]
    code = code_of(reduction, fault, gradient_of)
    softmax = check_softmax(code, parameters, samples.x)
    return CodeCheck(softmax, check_gradient(code, parameters, *samples, rng), len(samples.labels))


def code_of(reduction: Reduction, fault: Fault | None, gradient_of: Callable[[Network], Network]) -> Code:
    """The functions of a list of parameters: weights, bias, weights, bias, ...

    The gradient is that which trains. The loss is what it should be of, by the readable network, or by the one with a
    mistake; for a sum of gradients, it is the sum of losses.
    """

    def probabilities(parameters: Parameters, x: Array) -> Array:
        p: Array = np.exp(faults.log_probabilities(forward(network_of(parameters), x)[-1], fault, "float64"))
        return p

    def loss(parameters: Parameters, x: Array, labels: Array) -> float:
        network = network_of(parameters)
        mean, _ = measure(network, x, labels) if fault is None else faults.measure(network, x, labels, fault, "float64")
        return mean * len(x) if reduction == "sum" else mean

    def gradient(parameters: Parameters, _x: Array, _labels: Array) -> Parameters:
        return [values for layer in gradient_of(network_of(parameters)) for values in layer]

    return Code(probabilities, loss, gradient)


def network_of(parameters: Parameters) -> Network:
    """The network of such a list."""
    return tuple(Layer(weights, bias) for weights, bias in zip(parameters[::2], parameters[1::2], strict=True))


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
