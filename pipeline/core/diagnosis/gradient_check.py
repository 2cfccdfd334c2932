"""A gradient check of the code that trains, layer by layer, as for people's own networks (`people`).

It is a black-box check: it sees what the functions return, but not which `fault` is built in.
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
from pipeline.core.diagnosis.people.whole import SAME_SCALE, flattened, gradient_of
from pipeline.core.faults import Fault
from pipeline.core.initialisation import initialise
from pipeline.core.network import Layer, Network, Reduction, forward

LAYERS = 4  # at most, in the network under test: every layer runs the same code
POINTS = 3  # sets of random weights
SAMPLES = 7  # to identify the network with
CLOSE = 1e-4  # relative to a gradient: float32 gives it about five digits
LARGE = 1000.0  # a logit whose `exp` overflows


class CodeCheck(NamedTuple):
    """The result of the check."""

    findings: list[Finding]  # what is wrong with the softmax and the gradient, the cause first
    overflows: bool  # whether the softmax overflows on large logits
    error: float  # relative error of the gradient


def check_code(
    sizes: Sequence[int],
    reduction: Reduction,
    fault: Fault | None,
    samples: Samples,
    gradient_of: Callable[[Network], Network],
) -> CodeCheck:
    """Check the gradient of a network of layer sizes d-H-...-C on some samples.

    The weights are random, since a network of zeros has a gradient of zeros, which shows nothing.
    """
    sizes = [*sizes[:-1][:LAYERS], sizes[-1]]
    leaves = [Leaf((depth, name), f"{name}{depth + 1}") for depth in range(len(sizes) - 1) for name in ("W", "b")]
    points = [random_values(sizes, leaves, seed) for seed in range(POINTS)]
    x = samples.x[:SAMPLES].astype(np.float64)
    twin = twin_of(leaves, [Probe(values, x, probabilities(values, x, fault)) for values in points[:2]])
    assert twin is not None, "the network consists of dense layers and a softmax"
    seen = [observed(twin, values, samples, gradient_of) for values in points]
    with np.errstate(all="ignore"):  # some of the mistakes that it tries give values that are not finite
        judged = Judge(twin, row_layout(samples), seen, "cross-entropy", CLOSE).judge()
    top = judged.top if judged.top and not judged.top.cause else right_errors(twin.layers[-1].activation)[0]
    findings = [*wrong_softmax(twin, seen), *judged.findings]
    if not findings:
        expected = 1 / len(samples.labels) if reduction == "mean" else 1.0
        findings = wrong_scale([found.scale / expected for found in judged.scales.values()], len(samples.labels))
    return CodeCheck(findings, overflows(points[0], x, fault), error(twin, top, seen, reduction))


def random_values(sizes: Sequence[int], leaves: list[Leaf], seed: int) -> Values:
    """Random weights and biases: with biases of 0, units above a dead layer would sit exactly at the kink of a ReLU."""
    rng = np.random.default_rng(seed)
    network = initialise(sizes, "he", 0.0, "float64", rng)
    arrays = [values for layer in network for values in (layer.weights, rng.uniform(-0.1, 0.1, layer.bias.shape))]
    return dict(zip(leaves, arrays, strict=True))


def network_of(values: Values) -> Network:
    """The network whose parameters come in the order weights, bias, weights, bias, ..."""
    arrays = list(values.values())
    return tuple(Layer(weights, bias) for weights, bias in zip(arrays[::2], arrays[1::2], strict=True))


def probabilities(values: Values, x: Array, fault: Fault | None) -> Array:
    """The network's outputs, (n, C)."""
    with np.errstate(all="ignore"):
        answers: Array = np.exp(faults.log_probabilities(forward(network_of(values), x)[-1], fault, "float64"))
    return answers


def observed(twin: Twin, values: Values, samples: Samples, gradient_of: Callable[[Network], Network]) -> Observation:
    """One gradient descent step with alpha 1."""
    gradient = [array for layer in gradient_of(network_of(values)) for array in layer]
    after = {leaf: values[leaf] - slope for leaf, slope in zip(values, gradient, strict=True)}
    x = samples.x.astype(np.float64)
    classes = next(reversed(values.values())).size
    return Observation(values, after, x, np.eye(classes)[samples.labels], twin.run(values, x))


def row_layout(samples: Samples) -> Layout:
    """The layout of samples in rows."""
    return Layout(samples.x, samples.labels, 0, 0, "rows", "rows", "rows")


def overflows(values: Values, x: Array, fault: Fault | None) -> bool:
    """Whether adding a large constant to every logit changes the outputs. It would not change a correct softmax."""
    *_, bias = values
    larger = values | {bias: values[bias] + LARGE}
    return not np.allclose(probabilities(larger, x, fault), probabilities(values, x, fault), atol=1e-3)


def wrong_scale(times: list[float], samples: int) -> list[Finding]:
    """A gradient that is off by the same factor in every parameter."""
    if not times or abs(np.median(times) - 1) <= SAME_SCALE:
        return []
    evidence = f"The gradient is {np.median(times):.4g} times that of the loss, on a batch of {samples} samples."
    advice = "Average both over the samples, or sum both: a division by their number is missing or repeated."
    return [Finding("gradient_scale", "the gradient", evidence, advice)]


def error(twin: Twin, top: OutputError, seen: list[Observation], reduction: Reduction) -> float:
    """The largest relative error of any parameter's gradient."""
    errors = []
    for one in seen:
        right = gradient_of(twin, top, one)
        for leaf in twin.parameters:
            slope = flattened(right, [leaf]) / (len(one.x) if reduction == "mean" else 1)
            size = float(np.linalg.norm(slope))
            errors.append(float(np.linalg.norm(one.change(leaf).ravel() + slope)) / size if size else 0.0)
    return max(errors)
