"""A network's vital signs during training: problems show here before they show in the accuracy."""

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

    largest_logit: float  # by absolute value, over all images and classes
    prediction_entropy: float  # of the predicted classes, in nats; 0 if all predictions are the same
    dead_units: tuple[float, ...]  # for each hidden layer, the share of units that are off for every image
    gradient_norm: tuple[float, ...]  # for each layer, weights and biases together
    update_ratio: tuple[float, ...]  # for each layer, the norm of the next update over that of the parameters

    def flat(self) -> dict[str, float]:
        """One number per name; names of layers' numbers end in the layer, counted from 1."""
        return {
            f"{name}_{depth}" if isinstance(value, tuple) else name: number
            for name, value in self._asdict().items()
            for depth, number in enumerate(value if isinstance(value, tuple) else (value,), start=1)
        }

    @classmethod
    def from_flat(cls, numbers: Mapping[str, float]) -> "Signs":
        """The inverse of `flat`."""
        return cls(**{field: of_field(field, numbers) for field in cls._fields})


def of_field(field: str, numbers: Mapping[str, float]) -> Any:
    """The value of a field: one number, or one per layer."""
    if field in numbers:
        return numbers[field]
    names = takewhile(numbers.__contains__, (f"{field}_{depth}" for depth in count(1)))
    return tuple(numbers[name] for name in names)


def signs_of(
    network: Network, gradient: Network, alpha: float, x: Array, fault: Fault | None, precision: Precision
) -> Signs:
    """The vital signs of a network on images x (n, d), before it is updated by alpha times the gradient."""
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
    """The entropy, in nats, of the distribution with these counts (C,): ln(C) if they are equal."""
    shares = counts[counts > 0] / counts.sum()
    return 0.0 - float((shares * log(shares)).sum())


def norm(layer: Layer) -> float:
    """The Euclidean norm of a layer's parameters, in float64, so that squares don't overflow."""
    return float(np.sqrt(sum(np.square(values, dtype=np.float64).sum() for values in layer)))


def ratio(part: float, whole: float) -> float:
    """Divide a part by a whole; infinite, without a warning, if the whole is 0."""
    return part / whole if whole else np.inf if part else 0.0
