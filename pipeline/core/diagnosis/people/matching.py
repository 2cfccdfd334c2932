"""Is a change a negative multiple of a gradient? Least squares over many updates tell.

Optimisers differ. A step may also shrink the weights (an L2 or L1 penalty), or have the same size in every direction
(the first step of Adam and its relatives: Kingma and Ba, 2015), in which case only signs can be compared.
"""

from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array

CLOSE = 1e-5  # relative to a change: rounding, and small constants in people's formulas
SAME_SIZE = 0.05  # relative deviation within which all numbers of a change count as equally large
AGREE = 0.995  # of the signs
ENOUGH = 8  # numbers to distinguish a gradient from weight decay


class Fit(NamedTuple):
    """How a change follows a gradient."""

    scale: float  # times the gradient is subtracted; negative if it is added
    decay: float = 0.0  # times the parameter, or its sign, is subtracted too


def fit(
    changes: list[Array], gradients: list[Array], before: list[Array], is_sign_step: bool, close: float = CLOSE
) -> Fit | None:
    """The scale that turns gradients into changes, if there is one. There is one array per update."""
    if [change.shape for change in changes] != [gradient.shape for gradient in gradients]:
        return None
    change, gradient = flat(changes), flat(gradients)
    size = float(np.linalg.norm(change))
    if size == 0 or not np.linalg.norm(gradient) or not np.isfinite(gradient).all():
        return None
    if is_sign_step:
        return fit_of_signs(change, gradient)
    allowed = close + min(0.05, rounding(changes, before))
    scale = -float(change @ gradient / (gradient @ gradient))
    if np.linalg.norm(change + scale * gradient) <= allowed * size:
        return Fit(scale)
    return decaying(change, gradient, flat(before), allowed)


def rounding(changes: list[Array], before: list[Array]) -> float:
    """The rounding error relative to a change, in the floating-point type of the parameters."""
    coarse = all(np.array_equal(values, values.astype(np.float32)) for values in before if np.any(values))
    digit = np.finfo(np.float32 if coarse else np.float64).eps
    return float(8 * digit * np.linalg.norm(flat(before)) / np.linalg.norm(flat(changes)))


def decaying(change: Array, gradient: Array, before: Array, allowed: float) -> Fit | None:
    """A fit by the gradient and a penalty: the parameters themselves, or their signs."""
    if change.size < ENOUGH or not before.any():
        return None
    for penalty in (before, np.sign(before)):
        table = np.stack([gradient, penalty], axis=1)
        factors, *_ = np.linalg.lstsq(table, -change, rcond=None)
        if np.linalg.norm(change + table @ factors) <= allowed * np.linalg.norm(change) and factors[0]:
            return Fit(float(factors[0]), float(factors[1]))
    return None


def is_sign_step(changes: list[Array]) -> bool:
    """Whether nearly all non-zero numbers of a network's changes have the same size, if there are enough of them."""
    sizes = np.abs(flat(changes))
    sizes = sizes[sizes > 1e-6 * sizes.max()]
    return sizes.size >= ENOUGH and bool(
        np.mean(np.abs(sizes - np.median(sizes)) <= SAME_SIZE * np.median(sizes)) > 0.9
    )


def fit_of_signs(change: Array, gradient: Array) -> Fit | None:
    """A fit by the signs alone, ignoring tiny gradients."""
    sizes = np.abs(gradient)
    matters = sizes > 1e-3 * sizes.max()
    step = float(np.median(np.abs(change[matters])))
    still = np.abs(change[sizes == 0]) < 1e-3 * step
    if still.size and still.mean() < AGREE:
        return None
    agree = float(np.mean(np.sign(change[matters]) == -np.sign(gradient[matters])))
    return Fit(step) if agree >= AGREE else Fit(-step) if agree <= 1 - AGREE else None


def flat(arrays: list[Array]) -> Array:
    """All numbers as one vector."""
    return np.concatenate([array.ravel() for array in arrays])
