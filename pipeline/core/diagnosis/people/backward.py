"""The backward pass through a hidden layer, factor by factor, with the mistakes that people make in each.

The error at a layer's pre-activations is the error of the layer above, propagated through its weights, times the
derivative of the activation. The gradient of the weights is the layer's input times that error. Rumelhart, Hinton and
Williams, 1986.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.activations import RELU, SIGMOID, TANH, Activation
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.twin import Twin


class Place(NamedTuple):
    """A layer in an update, and the script's own errors for the layers above it."""

    twin: Twin
    depth: int
    seen: Observation
    above: dict[int, Array]  # the errors (k, units) of layers, by their depth


class Variant(NamedTuple):
    """One way to compute a factor: the correct one, with no cause, or a common mistake."""

    of: Callable[..., Array | None]  # None if shapes don't fit
    cause: str = ""
    text: str = ""


def carry_variants(twin: Twin, depth: int) -> list[Variant]:
    """Ways to propagate the error of the layer above to this one: functions of a Place, giving (k, units)."""
    name = twin.layers[depth + 1].weights.name

    def wrong(text: str, of: Callable[[Place], Array | None], cause: str = "error_not_carried") -> Variant:
        return Variant(of, cause, text)

    variants = [
        Variant(lambda place: place.above[depth + 1] @ before(place, depth + 1).T),
        wrong(
            f"is propagated through {name} after its update instead of before",
            lambda place: place.above[depth + 1] @ after(place, depth + 1).T,
            "update_order",
        ),
        wrong(
            f"is propagated through {name} reshaped instead of transposed",
            lambda place: place.above[depth + 1] @ before(place, depth + 1).reshape(before(place, depth + 1).T.shape),
        ),
        wrong(
            f"is propagated through {name}, where its transpose belongs",
            lambda place: fitting(place.above[depth + 1], before(place, depth + 1)),
        ),
        wrong("is that of the layer above, not propagated through any weights", lambda place: place.above[depth + 1]),
        wrong(
            "is one number for all units: the sum of the errors above",
            lambda place: place.above[depth + 1].sum(axis=1, keepdims=True) * np.ones((1, units(place))),
        ),
        wrong(
            f"is propagated through the absolute values of {name}",
            lambda place: place.above[depth + 1] @ np.abs(before(place, depth + 1)).T,
        ),
        wrong(
            f"lacks the error of the layer above: it is just the sum of {name}",
            lambda place: np.ones_like(place.above[depth + 1]) @ before(place, depth + 1).T,
        ),
        wrong(
            "lacks the derivative of the output activation",
            lambda place: fitting(place.seen.run.outputs[-1] - place.seen.targets, before(place, depth + 1).T),
            "activation_derivative",
        ),
    ]
    for other in range(len(twin.layers)):
        if other == depth + 1:
            continue
        text = f"is propagated through {twin.layers[other].weights.name}, which belongs to another layer"
        variants.append(wrong(text, carried(depth + 1, other)))
        if other > depth + 1:
            text = f"comes from layer {other + 1} instead of the layer directly above"
            variants += [wrong(text, carried(other, other)), wrong(text, carried(other, depth + 1))]
    return variants


def carried(errors: int, weights: int) -> Callable[[Place], Array | None]:
    """The errors of one layer, propagated through the weights of another."""
    return lambda place: fitting(place.above[errors], before(place, weights).T)


def before(place: Place, depth: int) -> Array:
    """A layer's weights (inputs, units) before the update."""
    return place.twin.weights(place.seen.before, depth)


def after(place: Place, depth: int) -> Array:
    """A layer's weights (inputs, units) after the update."""
    changed = place.seen.after[place.twin.layers[depth].weights]
    same_shape = changed.shape == place.seen.before[place.twin.layers[depth].weights].shape
    return place.twin.weights(place.seen.after if same_shape else place.seen.before, depth)


def units(place: Place) -> int:
    """The number of units in the layer."""
    return int(place.seen.run.sums[place.depth].shape[1])


def fitting(left: Array, right: Array) -> Array | None:
    """Their product, if the shapes fit."""
    return left @ right if left.shape[1] == right.shape[0] else None


def slope_variants(twin: Twin, depth: int) -> list[Variant]:
    """Ways to apply the activation's derivative: functions of a Place and propagated errors (k, units)."""
    activation = twin.layers[depth].activation
    name, by_output = activation.name, activation.slope_by_output

    def wrong(text: str, of: Callable[[Place, Array], Array | None]) -> Variant:
        return Variant(of, "activation_derivative", text)

    variants = [
        Variant(lambda place, back: back * activation.slope(sums(place))),
        wrong(f"is not multiplied by the derivative of the {name}", lambda place, back: back),
        wrong(
            f"uses the derivative of the {name} at its output instead of at z",
            lambda place, back: back * activation.slope(outputs(place)),
        ),
        wrong("includes the derivative twice", lambda place, back: back * activation.slope(sums(place)) ** 2),
        wrong(f"is passed through the {name} itself", lambda place, back: activation.of(back)),
        wrong("uses the derivative at the error instead of at z", lambda place, back: back * activation.slope(back)),
        wrong("is masked by its own sign", lambda place, back: back * (back > 0)),
        wrong("is multiplied by the output instead of the derivative", lambda place, back: back * outputs(place)),
        wrong("is multiplied by z instead of the derivative", lambda place, back: back * sums(place)),
        wrong("uses 1 - a, which is only part of the derivative", lambda place, back: back * (1 - outputs(place))),
        wrong("uses 1 - 2 * a**2, with an extra factor", lambda place, back: back * (1 - 2 * outputs(place) ** 2)),
        wrong("uses a + a**2, with the wrong sign", lambda place, back: back * outputs(place) * (1 + outputs(place))),
        wrong("uses 1 + a**2, with the wrong sign", lambda place, back: back * (1 + outputs(place) ** 2)),
        wrong(
            "is multiplied by a single number, np.dot(a, 1 - a), instead of the elementwise product",
            lambda place, back: back * (outputs(place) * (1 - outputs(place))).sum(axis=1, keepdims=True),
        ),
        wrong("is divided by the derivative", lambda place, back: back / activation.slope(sums(place))),
    ]
    if by_output:
        text = "uses the formula of the derivative for the output a, but applies it to z"
        variants.append(wrong(text, lambda place, back: back * by_output(sums(place))))
    for other in (RELU, SIGMOID, TANH):
        if other.name != name:
            text = f"uses the derivative of {other.name}, but the activation is {name}"
            for slope in (other.slope, other.slope_by_output):
                if slope:
                    variants += [wrong(text, times_slope(slope, sums)), wrong(text, times_slope(slope, outputs))]
    variants += slope_variants_elsewhere(twin, depth)
    return variants


def times_slope(slope: Callable[[Array], Array], of: Callable[[Place], Array]) -> Callable[[Place, Array], Array]:
    """The errors times a function of the layer's pre-activations or outputs."""
    return lambda place, back: back * slope(of(place))


def slope_variants_elsewhere(twin: Twin, depth: int) -> list[Variant]:
    """The derivative at another layer's pre-activations, or at the layer's inputs, if shapes fit."""
    activation = twin.layers[depth].activation
    variants = []
    for other in range(len(twin.layers)):
        if other != depth:
            text = f"uses the derivative at layer {other + 1}'s z instead of its own"
            variants.append(Variant(slope_of_layer(activation, other), "activation_derivative", text))
    text = "uses the derivative at the layer's inputs instead of at z"
    variants.append(
        Variant(lambda place, back: times(back, activation.slope(below(place))), "activation_derivative", text)
    )
    return variants


def slope_of_layer(activation: Activation, other: int) -> Callable[[Place, Array], Array | None]:
    """The errors times the derivative at another layer's pre-activations."""
    return lambda place, back: times(back, activation.slope(place.seen.run.sums[other]))


def times(left: Array, right: Array) -> Array | None:
    """Their elementwise product, if they have the same shape."""
    return left * right if left.shape == right.shape else None


def sums(place: Place) -> Array:
    """The layer's pre-activations (k, units)."""
    return place.seen.run.sums[place.depth]


def outputs(place: Place) -> Array:
    """The layer's outputs (k, units)."""
    return place.seen.run.outputs[place.depth]


def below(place: Place) -> Array:
    """The layer's inputs, without a 1 for its biases."""
    return place.twin.layers[place.depth].without_ones(place.seen.run.inputs[place.depth].T).T


def product_variants(twin: Twin, depth: int) -> list[Variant]:
    """Ways to compute the gradient of the weights (inputs, units): functions of a Place and errors (k, units)."""

    def wrong(text: str, of: Callable[[Place, Array], Array | None], cause: str = "wrong_layer_input") -> Variant:
        return Variant(of, cause, text)

    name = twin.layers[depth].weights.name
    variants = [
        Variant(lambda place, error: below(place).T @ error),
        wrong(
            f"is transposed relative to {name}",
            lambda place, error: transposed(below(place).T @ error, before(place, depth)),
            "transposed_product",
        ),
        wrong(f"uses {name} itself instead of the layer's inputs", lambda place, error: weighted(place, depth, error)),
        wrong(
            "is one number for all weights: the error times the layer's own output",
            lambda place, error: np.full(before(place, depth).shape, (outputs(place) * error).sum()),
        ),
        wrong(
            "lacks the layer's inputs: it is just the error",
            lambda place, error: np.ones_like(below(place)).T @ error,
        ),
        wrong(
            "uses the sum of the layer's inputs instead of each input",
            lambda place, error: (0 * below(place) + below(place).sum(axis=1, keepdims=True)).T @ error,
        ),
        wrong(
            "sums the errors of each sample",
            lambda place, error: below(place).T @ (0 * error + error.sum(axis=1, keepdims=True)),
            "broadcast",
        ),
        wrong("uses the absolute values of the inputs", lambda place, error: np.abs(below(place)).T @ error),
        wrong(
            "multiplies sums or means over the batch, instead of each sample's input and error",
            lambda place, error: np.outer(below(place).mean(axis=0), error.sum(axis=0)),
            "samples_mix",
        ),
        wrong("uses only the last sample", lambda place, error: below(place)[-1:].T @ error[-1:], "samples_mix"),
        wrong("uses only the first sample", lambda place, error: below(place)[:1].T @ error[:1], "samples_mix"),
    ]
    if depth:
        text = "uses the z of the layer below instead of its output"
        variants.append(wrong(text, lambda place, error: place.seen.run.sums[depth - 1].T @ error))
    for other in range(len(twin.layers)):
        if other != depth - 1:
            text = f"uses the outputs of layer {other + 1} instead of the layer's inputs"
            variants.append(wrong(text, outputs_of(other)))
        if other != depth:
            what = "the input x" if other == 0 else f"the inputs of layer {other + 1}"
            variants.append(wrong(f"uses {what} instead of the layer's inputs", inputs_of(other)))
    if depth == 0:
        variants.append(wrong("uses x before forward's preprocessing", lambda place, error: place.seen.x.T @ error))
    return variants


def transposed(gradient: Array, weights: Array) -> Array | None:
    """The gradient transposed, and reshaped to fit if it is not square."""
    if not min(weights.shape) > 1:
        return None
    return gradient.T if weights.shape[0] == weights.shape[1] else gradient.T.reshape(weights.shape)


def weighted(place: Place, depth: int, error: Array) -> Array:
    """The weights times the summed errors, by broadcasting."""
    product: Array = before(place, depth) * error.sum(axis=0)
    return product


def outputs_of(other: int) -> Callable[[Place, Array], Array | None]:
    """Another layer's outputs times the errors, if that layer has as many units as the weights have inputs."""

    def product(place: Place, error: Array) -> Array | None:
        found = place.seen.run.outputs[other]
        return found.T @ error if found.shape[1] == below(place).shape[1] else None

    return product


def inputs_of(other: int) -> Callable[[Place, Array], Array | None]:
    """Another layer's inputs times the errors, if it has as many inputs."""

    def product(place: Place, error: Array) -> Array | None:
        found = below(place._replace(depth=other))
        return found.T @ error if found.shape[1] == below(place).shape[1] else None

    return product


def bias_variants(twin: Twin, depth: int) -> list[Variant]:
    """Ways to compute the gradient of the biases (units,): functions of a Place and errors (k, units)."""

    def wrong(text: str, of: Callable[[Place, Array], Array | None], cause: str = "bias_gradient") -> Variant:
        return Variant(of, cause, text)

    return [
        Variant(lambda place, error: error.sum(axis=0)),
        wrong("is one number for all units", lambda place, error: np.full(error.shape[1], error.sum())),
        wrong(
            "is summed over the units instead of the samples",
            lambda place, error: error.sum(axis=1) if len(error) == error.shape[1] else None,
        ),
        wrong(
            "is multiplied by the inputs of the layer",
            lambda place, error: (below(place).sum(axis=1, keepdims=True) * error).sum(axis=0),
        ),
        wrong("uses only the last sample", lambda place, error: error[-1]),
        wrong("uses only the first sample", lambda place, error: error[0]),
        wrong("includes the derivative twice", lambda place, error: (error * slope_here(place)).sum(axis=0)),
        wrong("is multiplied by the layer's output", lambda place, error: (error * outputs(place)).sum(axis=0)),
        wrong("is multiplied by the biases", lambda place, error: error.sum(axis=0) * bias_before(place)),
        wrong("lacks the error: it does not depend on the target", lambda place, error: np.ones(error.shape[1])),
        wrong("is the largest error of the batch", lambda place, error: error.max(axis=0)),
        *without_slope(twin, depth),
    ]


def without_slope(twin: Twin, depth: int) -> list[Variant]:
    """The error before the derivative is applied."""

    def of(place: Place, _: Array) -> Array:
        if depth == len(twin.layers) - 1:
            difference: Array = (outputs(place) - place.seen.targets).sum(axis=0)
            return difference
        back: Array = (place.above[depth + 1] @ before(place, depth + 1).T).sum(axis=0)
        return back

    return [Variant(of, "bias_gradient", "lacks the derivative of the activation, unlike the gradient of the weights")]


def slope_here(place: Place) -> Array:
    """The derivative of the layer's activation."""
    return place.twin.layers[place.depth].activation.slope(sums(place))


def bias_before(place: Place) -> Array:
    """The biases (units,) before the update."""
    layer = place.twin.layers[place.depth]
    if layer.bias is None:
        return layer.row_of_biases(layer.matrix(place.seen.before[layer.weights]))
    return np.ravel(place.seen.before[layer.bias])
