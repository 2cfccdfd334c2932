"""A twin of somebody's network: dense layers whose pre-activations and outputs are all visible.

Which parameter belongs to which layer, whether it is transposed, where the biases are, and which activations follow is
found by trial. A twin that gives the same outputs, up to rounding, at random parameters computes the same function.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, count, islice, product
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.activations import (
    HIDDEN,
    IDENTITY,
    OUTPUTS,
    USUAL_HIDDEN,
    USUAL_OUTPUTS,
    Activation,
    sigmoid,
)
from pipeline.core.diagnosis.people.leaves import Leaf

VISITS = 30_000  # of parameters, in the search for chains of layers
CHAINS = 3000  # of layers, to sort by plausibility
SOME, FEW = 300, 8  # chains to try with the usual activations, and with all
ALIKE = 1e-6  # relative difference of outputs that count as equal; float32 has fewer digits
PREPARED: dict[str, Callable[[Array], Array]] = {
    "x": lambda x: x,
    "x / 255": lambda x: x / 255,
    "x / 16": lambda x: x / 16,
    "sigmoid(x)": sigmoid,
    "tanh(x)": np.tanh,
    "x / 256": lambda x: x / 256,
    "x / 100": lambda x: x / 100,
    "2 * x - 1": lambda x: 2 * x - 1,
    "x / 127.5 - 1": lambda x: x / 127.5 - 1,
    "1 - x": lambda x: 1 - x,
}


Values: TypeAlias = dict[Leaf, Array]  # of parameters


@dataclass(frozen=True)
class Dense:
    """A layer, and which parameters belong to it."""

    weights: Leaf
    is_transposed: bool  # the script has (units, inputs), the twin (inputs, units)
    bias: Leaf | None
    ones: Literal["first", "last"] | None  # the row of the weights that holds the biases, if any
    activation: Activation

    def matrix(self, value: Array) -> Array:
        """Weights, or their change, as (inputs, units), including any row of biases."""
        table = value.reshape(-1, 1) if value.ndim < 2 else value.reshape(-1, value.shape[-1])
        return table.T if self.is_transposed else table

    def without_ones(self, matrix: Array) -> Array:
        """The weights (inputs, units) without the row of biases."""
        return {"first": matrix[1:], "last": matrix[:-1], None: matrix}[self.ones]

    def row_of_biases(self, matrix: Array) -> Array:
        """The biases (units,), if a row of the matrix holds them."""
        row: Array = matrix[0 if self.ones == "first" else -1]
        return row

    def with_ones(self, inputs: Array) -> Array:
        """Inputs (k, d) with a constant 1 if a row of the weights holds the biases."""
        one = np.ones((len(inputs), 1))
        if self.ones is None:
            return inputs
        return np.hstack([one, inputs] if self.ones == "first" else [inputs, one])


class Pass(NamedTuple):
    """Every layer's values for k samples."""

    inputs: list[Array]  # (k, inputs), including any constant 1
    sums: list[Array]  # pre-activations (k, units)
    outputs: list[Array]  # (k, units)


@dataclass(frozen=True)
class Twin:
    """Layers, from input to output."""

    layers: tuple[Dense, ...]
    prepared: str = "x"  # how forward preprocesses its inputs

    @property
    def parameters(self) -> list[Leaf]:
        """All weights and biases."""
        return [leaf for layer in self.layers for leaf in (layer.weights, layer.bias) if leaf is not None]

    @property
    def has_bias(self) -> bool:
        """Whether any layer has biases."""
        return any(layer.bias is not None or layer.ones for layer in self.layers)

    def weights(self, values: Values, depth: int) -> Array:
        """A layer's weights (inputs, units), without any row of biases."""
        layer = self.layers[depth]
        return layer.without_ones(layer.matrix(values[layer.weights]))

    def run(self, values: Values, x: Array) -> Pass:
        """All values from inputs (k, d) to outputs."""
        inputs, sums, outputs = [], [], []
        below = PREPARED[self.prepared](x)
        for layer in self.layers:
            inputs.append(layer.with_ones(below))
            z = inputs[-1] @ layer.matrix(values[layer.weights])
            if layer.bias is not None:
                z = z + values[layer.bias].ravel()
            sums.append(z)
            below = layer.activation.of(z)
            outputs.append(below)
        return Pass(inputs, sums, outputs)

    def with_activations(self, activations: tuple[Activation, ...]) -> "Twin":
        """The same layers with other activations."""
        layers = zip(self.layers, activations, strict=True)
        return replace(self, layers=tuple(replace(layer, activation=of) for layer, of in layers))


class Probe(NamedTuple):
    """Parameters and inputs, and what the script's forward returned for them."""

    values: Values
    x: Array  # (k, d)
    answers: Array  # (k, C)


def twin_of(candidates: list[Leaf], probes: list[Probe], tolerance: float = ALIKE) -> Twin | None:
    """The first twin that reproduces the outputs of all probes, or None."""
    first = probes[0]
    width, outputs = first.x.shape[1], first.answers.shape[1]
    ways = list(islice(chains(candidates, first.values, width, outputs), CHAINS))
    ways.sort(key=lambda layers: disorder(layers, candidates))
    plain, *others = PREPARED
    searches = [
        (ways[:SOME], [plain], same(USUAL_HIDDEN), USUAL_OUTPUTS),
        (ways[:FEW], [plain], same(HIDDEN), OUTPUTS),
        (ways[:FEW], others, same(USUAL_HIDDEN), USUAL_OUTPUTS),
        (ways[:FEW], [plain], mixed, USUAL_OUTPUTS),
    ]
    for some, prepared, hidden, last in searches:
        for layers, name in product(some, prepared):
            if found := functions_of(Twin(layers, name), probes, tolerance, hidden, last):
                return found
    return None


def same(functions: Sequence[Activation]) -> Callable[[int], Iterable[Sequence[Activation]]]:
    """The same activation in all hidden layers."""
    return lambda hidden: ((of,) * hidden for of in functions) if hidden else [()]


def mixed(hidden: int) -> Iterable[Sequence[Activation]]:
    """Every combination of usual activations, for up to four hidden layers."""
    return product(USUAL_HIDDEN, repeat=hidden) if 1 < hidden <= 4 else []


def disorder(layers: tuple[Dense, ...], order: list[Leaf]) -> tuple[int, int, int]:
    """How unusual a chain is: unused parameters, inconsistent orientations, then layers out of order."""
    weights = [order.index(layer.weights) for layer in layers]
    biases = [order.index(layer.bias) for layer in layers if layer.bias is not None]
    unused = len(order) - len(weights) - len(biases)
    swaps = sum(a > b for places in (weights, biases) for a, b in combinations(places, 2))
    swaps += sum(order.index(layer.weights) > order.index(layer.bias) for layer in layers if layer.bias is not None)
    return unused, len({layer.is_transposed for layer in layers}), swaps


def chains(leaves: list[Leaf], values: Values, width: int, outputs: int) -> Iterator[tuple[Dense, ...]]:
    """Chains of layers from inputs to outputs that the parameters may form.

    Chains that use all parameters come first, then those that leave some out.
    """
    tables = [leaf for leaf in leaves if values[leaf].ndim == 2 and min(values[leaf].shape) > 1]
    for kept in (leaves, tables, leaves[:-1], leaves[1:]):
        if kept and (kept is leaves or len(kept) < len(leaves)):
            yield from chains_from(kept, values, width, outputs, count())


def chains_from(
    left: list[Leaf], values: Values, width: int, outputs: int, visits: "count[int]"
) -> Iterator[tuple[Dense, ...]]:
    """The chains that use every remaining parameter, within the limit on visits."""
    for weights, is_transposed, ones in product(left, (False, True), (None, "first", "last")):
        if next(visits) > VISITS:
            return
        layer = Dense(weights, is_transposed, None, ones, IDENTITY)
        rows, units = layer.matrix(values[weights]).shape
        if rows != width + (ones is not None):
            continue
        others = [leaf for leaf in left if leaf != weights]
        for bias in [*(leaf for leaf in others if is_bias(values[leaf], units) and not ones), None]:
            rest = [leaf for leaf in others if leaf != bias]
            here = replace(layer, bias=bias)
            if rest:
                yield from ((here, *above) for above in chains_from(rest, values, units, outputs, visits))
            elif units == outputs:
                yield (here,)


def is_bias(value: Array, units: int) -> bool:
    """Whether an array can hold the biases of this many units: one each, or a shared one."""
    return value.size in (units, 1) and max(value.shape, default=1) == value.size


def functions_of(
    twin: Twin,
    probes: list[Probe],
    tolerance: float,
    hidden: Callable[[int], Iterable[Sequence[Activation]]],
    outputs: Sequence[Activation],
) -> Twin | None:
    """The twin with the activations that reproduce the outputs."""
    for inner in hidden(len(twin.layers) - 1):
        below = twin.with_activations((*inner, IDENTITY))
        sums = [below.run(probe.values, probe.x).sums[-1] for probe in probes]
        for last in outputs:
            pairs = zip(sums, probes, strict=True)
            if all(is_alike(last.of(z), probe.answers, tolerance) for z, probe in pairs):
                return twin.with_activations((*inner, last))
    return None


def is_alike(found: Array, answers: Array, tolerance: float) -> bool:
    """Whether outputs are equal, up to rounding."""
    if found.shape != answers.shape or not np.isfinite(answers).all():
        return False
    size = max(1e-3, float(np.abs(answers).max()))
    return bool(np.abs(found - answers).max() <= tolerance * size)
