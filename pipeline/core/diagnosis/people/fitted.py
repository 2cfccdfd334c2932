"""Fits the twin of a network with a good optimiser, to see what it could learn. Adam: Kingma and Ba (2015)."""

from dataclasses import replace

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.activations import TANH
from pipeline.core.diagnosis.people.course import Rehearsal
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.twin import Dense, Twin, Values
from pipeline.core.diagnosis.people.whole import gradient_of

UPDATES = 400
ALPHA = 0.03


def standardised(rows: Array) -> Array:
    """Inputs (n, d) scaled to mean 0 and standard deviation 1; constant ones become 0."""
    spread = rows.std(axis=0)
    scaled: Array = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return scaled


def redrawn(twin: Twin, start: Values, seed: int, wider: int = 1) -> Values:
    """Freshly drawn weights, scaled as by Glorot and Bengio (2010), for hidden layers `wider` times as wide."""
    generator = np.random.default_rng(seed)
    values: Values = {}
    last = len(twin.layers) - 1
    for depth, layer in enumerate(twin.layers):
        ones = layer.ones is not None
        inputs, units = layer.matrix(start[layer.weights]).shape
        inputs = (inputs - ones) * (wider if depth else 1)
        units *= wider if depth < last else 1
        relu = 2.0 if "ReLU" in layer.activation.name else 1.0
        table = generator.standard_normal((inputs, units)) * np.sqrt(relu * 2 / (inputs + units))
        if ones:
            table = np.vstack([np.zeros((1, units)), table] if layer.ones == "first" else [table, np.zeros((1, units))])
        table = table.T if layer.is_transposed else table
        values[layer.weights] = table if wider > 1 else table.reshape(start[layer.weights].shape)
        if layer.bias is not None:
            old = start[layer.bias]
            values[layer.bias] = np.zeros(units) if wider > 1 and old.size > 1 else np.zeros(old.shape)
    return values


def with_biases(twin: Twin, start: Values) -> tuple[Twin, Values]:
    """The same network with a bias in every unit."""
    layers = tuple(replace(layer, ones="last") for layer in twin.layers)
    values = dict(start)
    for layer in twin.layers:
        table = layer.matrix(start[layer.weights])
        table = np.vstack([table, np.zeros((1, table.shape[1]))])
        values[layer.weights] = table.T if layer.is_transposed else table
    return replace(twin, layers=layers), values


def with_hidden_layer(twin: Twin, start: Values, units: int) -> tuple[Twin, Values]:
    """A single-layer network with a hidden layer added below."""
    below, above = Leaf(("hidden",), "hidden"), Leaf(("output",), "output")
    [layer] = twin.layers
    inputs, outputs = layer.without_ones(layer.matrix(start[layer.weights])).shape
    hidden = Dense(below, False, None, "last", TANH)
    generator = np.random.default_rng(1)
    values = {
        below: np.vstack([generator.standard_normal((inputs, units)) / np.sqrt(inputs), np.zeros((1, units))]),
        above: np.vstack([generator.standard_normal((units, outputs)) / np.sqrt(units), np.zeros((1, outputs))]),
    }
    return replace(twin, layers=(hidden, Dense(above, False, None, "last", layer.activation))), values


def fitted_loss(rehearsal: Rehearsal, top: OutputError, rows: Array, starts: list[Values]) -> float:
    """The lowest loss per sample that Adam reaches from any of the starts."""
    return min(descend(rehearsal, top, rows, values) for values in starts)


def descend(rehearsal: Rehearsal, top: OutputError, rows: Array, values: Values) -> float:
    """The lowest loss that Adam reaches along the way."""
    twin, lowest = rehearsal.twin, np.inf
    first = {leaf: np.zeros_like(value) for leaf, value in values.items()}
    second = {leaf: np.zeros_like(value) for leaf, value in values.items()}
    for t in range(1, UPDATES + 1):
        seen = Observation(values, values, rows, rehearsal.targets, twin.run(values, rows))
        alpha = ALPHA * (1 - t / (UPDATES + 1))
        values = dict(values)
        for leaf, slope in gradient_of(twin, top, seen).items():
            slope = slope / len(rows)
            first[leaf] = 0.9 * first[leaf] + 0.1 * slope
            second[leaf] = 0.999 * second[leaf] + 0.001 * slope**2
            root = np.sqrt(second[leaf] / (1 - 0.999**t)) + 1e-10
            values[leaf] = values[leaf] - alpha * first[leaf] / (1 - 0.9**t) / root
        if t % 50 == 0:
            lowest = min(lowest, rehearsal.loss_at(values, rows))
    return lowest
