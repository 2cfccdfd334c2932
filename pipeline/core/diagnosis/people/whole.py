"""What shows only across all parameters of an update: signs, scales, and the update rule."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.matching import AGREE, CLOSE, Fit
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.twin import Twin

SAME_SCALE = 0.01  # relative deviation within which scales count as equal


def errors_of(twin: Twin, top: OutputError, seen: Observation) -> list[Array]:
    """The correct error (k, units) of every layer, by back-propagation, given that of the last."""
    errors = [top.of(seen.run.sums[-1], seen.run.outputs[-1], seen.targets)]
    for depth in reversed(range(len(twin.layers) - 1)):
        slope = twin.layers[depth].activation.slope(seen.run.sums[depth])
        errors.insert(0, (errors[0] @ twin.weights(seen.before, depth + 1).T) * slope)
    return errors


def gradient_of(twin: Twin, top: OutputError, seen: Observation) -> dict[Leaf, Array]:
    """The correct gradient of every parameter."""
    gradient: dict[Leaf, Array] = {}
    for layer, inputs, error in zip(twin.layers, seen.run.inputs, errors_of(twin, top, seen), strict=True):
        product = inputs.T @ error
        gradient[layer.weights] = (product.T if layer.is_transposed else product).reshape(
            seen.before[layer.weights].shape
        )
        if layer.bias is not None:
            shape = seen.before[layer.bias].shape
            total = error.sum(axis=0)
            gradient[layer.bias] = (total.sum(keepdims=True) if np.prod(shape) == 1 else total).reshape(shape)
    return gradient


def flattened(values: dict[Leaf, Array], leaves: list[Leaf]) -> Array:
    """All numbers of some parameters, as one vector."""
    return np.concatenate([values[leaf].ravel() for leaf in leaves])


def clipped(twin: Twin, top: OutputError, seen: list[Observation]) -> int:
    """Whether each update is the correct gradient times its own factor, as with clipping or a fixed step length.

    1 if the gradient is subtracted, -1 if it is added, and 0 if the update is something else.
    """
    leaves, signs = twin.parameters, set()
    for one in seen:
        gradient = flattened(gradient_of(twin, top, one), leaves)
        change = flattened({leaf: one.change(leaf) for leaf in leaves}, leaves)
        scale = -float(change @ gradient / max(float(gradient @ gradient), 1e-300))
        if np.linalg.norm(change + scale * gradient) > 10 * CLOSE * np.linalg.norm(change):
            return 0
        signs.add(int(np.sign(scale)))
    return signs.pop() if len(signs) == 1 else 0


def is_clipped_elementwise(twin: Twin, top: OutputError, seen: list[Observation]) -> bool:
    """Whether each number's step grows with the size of its gradient, as with elementwise clipping."""
    leaves = twin.parameters
    slopes = np.concatenate([np.abs(flattened(gradient_of(twin, top, one), leaves)) for one in seen])
    changes = [np.abs(flattened({leaf: one.change(leaf) for leaf in leaves}, leaves)) for one in seen]
    steps = np.concatenate(changes)[np.argsort(slopes)]
    return bool((np.diff(steps) >= -CLOSE * steps.max()).all())


def has_right_signs(twin: Twin, top: OutputError, seen: list[Observation]) -> bool:
    """Whether every number moves against its gradient, by whatever length."""
    for one in seen:
        gradient = gradient_of(twin, top, one)
        for leaf in twin.parameters:
            change, slope = one.change(leaf).ravel(), gradient[leaf].ravel()
            matters = np.abs(slope) > 1e-6 * np.abs(slope).max(initial=1e-12)
            if matters.any() and np.mean(np.sign(change[matters]) == -np.sign(slope[matters])) < AGREE:
                return False
    return True


def uphill(where: str) -> Finding:
    """The finding for an update that climbs."""
    evidence = f"The gradient has the wrong sign: {where} moves along it instead of against it, so the loss climbs."
    advice = "`W = W - alpha * gradient`, with output - target as the error at the output"
    return Finding("gradient_sign", where, evidence, advice)


def wrong_signs(scales: dict[str, Fit]) -> list[Finding]:
    """Parameters that move uphill, or that a penalty drives away from 0."""
    wrong = [name for name, found in scales.items() if found.scale < 0]
    if wrong:
        return [uphill("every parameter" if len(wrong) == len(scales) else ", ".join(wrong))]
    growing = [name for name, found in scales.items() if found.decay < -1e-9]
    if growing:
        evidence = f"The penalty makes {', '.join(growing)} grow: it is added instead of subtracted."
        return [Finding("gradient_sign", growing[0], evidence, "`W -= alpha * (gradient + penalty * W)`")]
    return []


def uneven(scales: dict[str, Fit]) -> list[Finding]:
    """A parameter whose gradient is scaled differently from the others'."""
    if not scales:
        return []
    sizes = {name: abs(found.scale) for name, found in scales.items()}
    usual = float(np.median(list(sizes.values())))
    name = max(sizes, key=lambda name: abs(np.log(sizes[name] / usual)))
    times = sizes[name] / usual
    if abs(times - 1) <= SAME_SCALE:
        return []
    evidence = f"The update of {name} is {times:.4g} times as large as the other parameters' updates imply."
    advice = (
        f"Divide the gradient of {name} by {times:.4g}: "
        "often a division by the number of samples is missing or repeated."
    )
    return [Finding("gradient_scale", name, evidence, advice)]
