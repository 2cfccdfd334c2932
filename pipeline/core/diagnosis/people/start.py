"""Initial weights that are identical, too large, or too small."""

import numpy as np

from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.inputs import BETTER
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.situation import Situation
from pipeline.core.diagnosis.people.twin import Values
from pipeline.core.diagnosis.people.whole import gradient_of

FLAT = 0.02  # of the squared gradient at freshly drawn weights
USUAL = (0.4, 2.5)  # times the size of freshly drawn weights


def symmetric_initialisation(situation: Situation) -> list[Finding]:
    """Units of a hidden layer with the same incoming and outgoing weights: their gradients never differ."""
    twin, start = situation.twin, situation.start
    for depth, (layer, above) in enumerate(zip(twin.layers, twin.layers[1:], strict=False)):
        into = layer.matrix(start[layer.weights])
        out = above.without_ones(above.matrix(start[above.weights]))
        biases = start[layer.bias] if layer.bias is not None else np.zeros(1)
        are_alike = not (np.ptp(into, axis=1).any() or np.ptp(biases) or np.ptp(out, axis=0).any())
        if into.shape[1] > 1 and are_alike:
            name, shape = layer.weights.name, start[layer.weights].shape
            evidence = f"All units of layer {depth + 1} start with the same weights, so they get the same updates."
            advice = f"`{name} = rng.standard_normal({shape}) * np.sqrt(2 / {len(into)})`"
            return [Finding("symmetric_initialisation", name, evidence, advice)]
    return []


def wrong_weights(situation: Situation) -> list[Finding]:
    """Weights of an unusual size from which training fails, if it works from freshly drawn ones.

    A plateau counts too: hidden layers with hardly any gradient, compared with that at drawn weights. A single layer
    has no plateau, and learns from small weights as well as from any.
    """
    own, has_hidden = situation.own, len(situation.twin.layers) > 1
    usual = float(np.median([steepness(situation, values) for values in situation.drawn]))
    is_plateau = has_hidden and not situation.learns and steepness(situation, situation.start) < FLAT * usual
    courses = [situation.rehearsal.train(values) for values in situation.drawn]
    best = min(course.last for course in courses)
    is_better = any(situation.is_learning(course) for course in courses) and best < BETTER * own.last
    if not (is_better or is_plateau):
        return []
    depth, times = farthest_from_usual(situation)
    low, high = USUAL
    if low < times < high or (times < 1 and not has_hidden):
        return []
    layer = situation.twin.layers[depth]
    shape, inputs = situation.start[layer.weights].shape, len(layer.matrix(situation.start[layer.weights]))
    evidence = f"{layer.weights.name} is {times:.3g} times the usual size for its layer. After {own.length}, the loss "
    evidence += f"is {own.last:.3g}; from freshly drawn weights, it is {best:.3g}."
    advice = f"`{layer.weights.name} = rng.standard_normal({shape}) / np.sqrt({inputs})`"
    return [Finding("weights_too_large" if times > 1 else "weights_too_small", layer.weights.name, evidence, advice)]


def farthest_from_usual(situation: Situation) -> tuple[int, float]:
    """The layer whose weights are farthest from the usual size, and the ratio to that size."""
    twin = situation.twin
    times = []
    for depth in range(len(twin.layers)):
        own, usual = (twin.weights(values, depth) for values in (situation.start, situation.drawn[0]))
        times.append(float(np.sqrt(np.square(own).mean() / np.square(usual).mean())))
    depth = max(range(len(times)), key=lambda depth: abs(np.log(max(times[depth], 1e-12))))
    return depth, times[depth]


def steepness(situation: Situation, values: Values) -> float:
    """The squared norm of the gradient of the hidden layers' weights, or of all weights if there is one layer."""
    rows, targets, twin = situation.rows, situation.rehearsal.targets, situation.twin
    seen = Observation(values, values, rows, targets, twin.run(values, rows))
    gradient = gradient_of(twin, situation.top, seen)
    return float(sum(np.square(gradient[layer.weights]).sum() for layer in twin.layers[:-1] or twin.layers))
