"""The correct lines of back-propagation, in a script's own layout.

Layers are numbered from 1, as in most scripts: x is the input, z1 = x W1 + b1, a1 = f(z1), and d1 is the error at z1.
"""

from typing import NamedTuple

from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.output_errors import Loss, is_softmax
from pipeline.core.diagnosis.people.twin import Twin


class Lines(NamedTuple):
    """The lines of one layer."""

    error: str  # at its pre-activations
    weights: str  # their gradient
    bias: str


def lines_of(twin: Twin, layout: Layout, depth: int, loss: Loss | None = None) -> Lines:
    """The three lines of a layer."""
    layer, number = twin.layers[depth], depth + 1
    name = layer.weights.name
    below = with_ones(layout, "x" if depth == 0 else f"a{depth}", layer.ones)
    error = f"d{number}"
    return Lines(
        error=f"{error} = {error_line(twin, layout, depth, loss)}",
        weights=f"gradient of {name} = {product_line(layout, below, error, layer.is_transposed)}",
        bias=f"gradient of {layer.bias.name if layer.bias else name} = {bias_line(layout, error)}",
    )


def with_ones(layout: Layout, below: str, ones: str | None) -> str:
    """The inputs, with a constant 1 if a row of the weights holds the biases."""
    if ones is None:
        return below
    if layout.step == "single":
        return f"np.insert({below}, 0, 1)" if ones == "first" else f"np.append({below}, 1)"
    axis = 1 if layout.step == "rows" else 0
    return f"np.insert({below}, {0 if ones == 'first' else f'{below}.shape[{axis}]'}, 1, axis={axis})"


def error_line(twin: Twin, layout: Layout, depth: int, loss: Loss | None) -> str:
    """The error at a layer's pre-activations."""
    number, activation = depth + 1, twin.layers[depth].activation
    slope = activation.written.format(z=f"z{number}", a=f"a{number}")
    if depth == len(twin.layers) - 1:
        is_numbers = is_softmax(activation) and layout.y.size == layout.count
        difference = f"a{number} - {'one_hot(y)' if is_numbers else 'y'}"
        if loss == "cross-entropy" or slope in ("", "1") or is_softmax(activation):
            return difference
        return f"({difference}) * {slope}"
    carried = carry_line(twin, layout, depth)
    return carried if slope == "1" else f"({carried}) * {slope}"


def carry_line(twin: Twin, layout: Layout, depth: int) -> str:
    """The error of the layer above, propagated through its weights."""
    above = twin.layers[depth + 1]
    name, error, is_transposed = above.weights.name, f"d{depth + 2}", above.is_transposed
    if layout.step == "rows":
        return f"{error} @ {name}" if is_transposed else f"{error} @ {name}.T"
    return f"{name}.T @ {error}" if is_transposed else f"{name} @ {error}"


def product_line(layout: Layout, below: str, error: str, is_transposed: bool) -> str:
    """Inputs times errors, in the shape of the weights."""
    if layout.step == "single":
        return f"np.outer({error}, {below})" if is_transposed else f"np.outer({below}, {error})"
    if layout.step == "columns":
        return f"{error} @ {below}.T" if is_transposed else f"{below} @ {error}.T"
    return f"{error}.T @ {below}" if is_transposed else f"{below}.T @ {error}"


def bias_line(layout: Layout, error: str) -> str:
    """The errors summed over the samples."""
    sums = {"rows": f"{error}.sum(axis=0)", "columns": f"{error}.sum(axis=1, keepdims=True)", "single": error}
    return sums[layout.step]
