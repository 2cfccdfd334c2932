"""The code that trains, examined layer by layer in the way in which people's own networks are.

Nothing is known of its inside: the checks go by what its functions do, whichever mistake is built in.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.core import faults
from pipeline.core.arrays import Array, Samples
from pipeline.core.diagnosis.people.algebra import Judge
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.output_errors import OutputError, right_errors
from pipeline.core.diagnosis.people.softmax import wrong_softmax
from pipeline.core.diagnosis.people.twin import Probe, Twin, Values, twin_of
from pipeline.core.diagnosis.people.whole import SAME_SCALE, gradient_of, in_a_row
from pipeline.core.faults import Fault
from pipeline.core.initialisation import initialise
from pipeline.core.network import Layer, Network, Reduction, forward

LAYERS = 4  # of the network that is checked, at most: all of them run the same code
POINTS = 3  # random weights
SAMPLES = 7  # by which the network is recognised
CLOSE = 1e-4  # of a gradient: float32 leaves it about five digits
LARGE = 1000.0  # a logit whose `exp` is more than any float


class CodeCheck(NamedTuple):
    """What a network's functions do."""

    findings: list[Finding]  # what is wrong with the softmax and the gradient, the cause first
    overflows: bool  # whether the softmax does, where all logits are large
    error: float  # of the gradient, relative to the right one


def check_code(
    sizes: Sequence[int],
    reduction: Reduction,
    fault: Fault | None,
    samples: Samples,
    gradient_of: Callable[[Network], Network],
) -> CodeCheck:
    """Check what a network of layer sizes d-H-...-C is trained by, at random weights, on some samples.

    A gradient of zeros, as a network of zeros has it, would show nothing.
    """
    sizes = [*sizes[:-1][:LAYERS], sizes[-1]]
    leaves = [Leaf((depth, name), f"{name}{depth + 1}") for depth in range(len(sizes) - 1) for name in ("W", "b")]
    points = [random_values(sizes, leaves, seed) for seed in range(POINTS)]
    x = samples.x[:SAMPLES].astype(np.float64)
    twin = twin_of(leaves, [Probe(values, x, probabilities(values, x, fault)) for values in points[:2]])
    assert twin is not None, "the network is made of dense layers, and a softmax"
    seen = [observed(twin, values, samples, gradient_of) for values in points]
    with np.errstate(all="ignore"):  # what some mistakes would make is not finite
        judged = Judge(twin, in_rows(samples), seen, "cross-entropy", CLOSE).judge()
    top = judged.top if judged.top and not judged.top.cause else right_errors(twin.layers[-1].activation)[0]
    findings = [*wrong_softmax(twin, seen), *judged.findings]
    if not findings:
        expected = 1 / len(samples.labels) if reduction == "mean" else 1.0
        findings = wrong_scale([found.scale / expected for found in judged.scales.values()], len(samples.labels))
    return CodeCheck(findings, overflows(points[0], x, fault), error(twin, top, seen, reduction))


def random_values(sizes: Sequence[int], leaves: list[Leaf], seed: int) -> Values:
    """Random weights; with biases of 0, the units behind a layer that is off would be just where their ReLU turns."""
    rng = np.random.default_rng(seed)
    network = initialise(sizes, "he", 0.0, "float64", rng)
    arrays = [values for layer in network for values in (layer.weights, rng.uniform(-0.1, 0.1, layer.bias.shape))]
    return dict(zip(leaves, arrays, strict=True))


def network_of(values: Values) -> Network:
    """The network of parameters in the order weights, bias, weights, bias, ..."""
    arrays = list(values.values())
    return tuple(Layer(weights, bias) for weights, bias in zip(arrays[::2], arrays[1::2], strict=True))


def probabilities(values: Values, x: Array, fault: Fault | None) -> Array:
    """What the network answers, (n, C)."""
    with np.errstate(all="ignore"):
        answers: Array = np.exp(faults.log_probabilities(forward(network_of(values), x)[-1], fault, "float64"))
    return answers


def observed(twin: Twin, values: Values, samples: Samples, gradient_of: Callable[[Network], Network]) -> Observation:
    """A step of the gradient, for an alpha of 1."""
    gradient = [array for layer in gradient_of(network_of(values)) for array in layer]
    after = {leaf: values[leaf] - slope for leaf, slope in zip(values, gradient, strict=True)}
    x = samples.x.astype(np.float64)
    classes = next(reversed(values.values())).size
    return Observation(values, after, x, np.eye(classes)[samples.labels], twin.run(values, x))


def in_rows(samples: Samples) -> Layout:
    """How the samples lie."""
    return Layout(samples.x, samples.labels, 0, 0, "rows", "rows", "rows")


def overflows(values: Values, x: Array, fault: Fault | None) -> bool:
    """Whether other answers come out where every logit is larger by as much, which changes no softmax."""
    *_, bias = values
    larger = values | {bias: values[bias] + LARGE}
    return not np.allclose(probabilities(larger, x, fault), probabilities(values, x, fault), atol=1e-3)


def wrong_scale(times: list[float], samples: int) -> list[Finding]:
    """A gradient that is the same multiple of the loss's everywhere."""
    if not times or abs(np.median(times) - 1) <= SAME_SCALE:
        return []
    evidence = f"The gradient is {np.median(times):.4g} times that of the loss, for a batch of {samples} samples."
    advice = "Let both be means over the samples, or both sums: a division by their number is missing, or one too many."
    return [Finding("gradient_scale", "the gradient", evidence, advice)]


def error(twin: Twin, top: OutputError, seen: list[Observation], reduction: Reduction) -> float:
    """The largest relative error of a parameter's gradient."""
    errors = []
    for one in seen:
        right = gradient_of(twin, top, one)
        for leaf in twin.parameters:
            slope = in_a_row(right, [leaf]) / (len(one.x) if reduction == "mean" else 1)
            size = float(np.linalg.norm(slope))
            errors.append(float(np.linalg.norm(one.change(leaf).ravel() + slope)) / size if size else 0.0)
    return max(errors)
