"""A network's vital signs during its training: what goes wrong shows here before it shows in the accuracy."""

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any, NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.elementary import log
from pipeline.core.fast.precision import Precision
from pipeline.core.faults import Fault, forward, predictions
from pipeline.core.network import Layer, Network


class Signs(NamedTuple):
    """The vital signs of a network on some training images."""

    largest_logit: float  # of all images and classes, whatever its sign
    prediction_entropy: float  # nats, of how often each class is predicted; 0 where all predictions are one class
    dead_units: tuple[float, ...]  # for each hidden layer, the share of units that are off for every image
    gradient_norm: tuple[float, ...]  # for each layer, weights and biases together
    update_ratio: tuple[float, ...]  # for each layer, the size of the next update over that of the parameters

    def flat(self) -> dict[str, float]:
        """A number for each name; those of a layer with its number, the first is 1."""
        return {
            f"{name}_{depth}" if isinstance(value, tuple) else name: number
            for name, value in self._asdict().items()
            for depth, number in enumerate(value if isinstance(value, tuple) else (value,), start=1)
        }

    @classmethod
    def from_flat(cls, numbers: Mapping[str, float]) -> "Signs":
        """The same, back from `flat`."""
        return cls(**{field: of_field(field, numbers) for field in cls._fields})


def of_field(field: str, numbers: Mapping[str, float]) -> Any:
    """The number of a field, or those of its layers."""
    if field in numbers:
        return numbers[field]
    names = takewhile(numbers.__contains__, (f"{field}_{depth}" for depth in count(1)))
    return tuple(numbers[name] for name in names)


def signs_of(
    network: Network, gradient: Network, alpha: float, x: Array, fault: Fault | None, precision: Precision
) -> Signs:
    """The vital signs of a network on images x (n, d), before an update by alpha times a gradient."""
    _, *hidden, logits = forward(network, x, precision)
    predicted = np.bincount(predictions(logits, fault, precision), minlength=logits.shape[1])
    norms = [norm(layer) for layer in gradient]
    return Signs(
        largest_logit=float(np.abs(logits).max()),
        prediction_entropy=entropy(predicted),
        dead_units=tuple(float((values.max(axis=0) <= 0).mean()) for values in hidden),
        gradient_norm=tuple(norms),
        update_ratio=tuple(ratio(alpha * of_it, norm(layer)) for of_it, layer in zip(norms, network, strict=True)),
    )


def entropy(counts: Array) -> float:
    """The entropy, in nats, of a distribution that is given by counts (C,): ln(C) where all are equal."""
    shares = counts[counts > 0] / counts.sum()
    return 0.0 - float((shares * log(shares)).sum())


def norm(layer: Layer) -> float:
    """The Euclidean norm of a layer's numbers, in float64, in which their squares don't overflow."""
    return float(np.sqrt(sum(np.square(values, dtype=np.float64).sum() for values in layer)))


def ratio(part: float, whole: float) -> float:
    """A part over a whole; infinite, without a warning, where that is 0."""
    return part / whole if whole else np.inf if part else 0.0
