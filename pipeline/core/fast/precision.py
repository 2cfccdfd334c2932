"""The kinds of arithmetic for training.

The setting `precision` is "portable", with the same bits on every processor, or "float32", which is faster but differs
between processors. "float64", by NumPy and BLAS, is for checks. All offer the same operations, so the code that uses
them exists only once.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from pipeline.core import elementary
from pipeline.core.arrays import Array
from pipeline.core.fast import exact

TrainingPrecision: TypeAlias = Literal["portable", "float32"]
Precision: TypeAlias = TrainingPrecision | Literal["float64"]
Bound: TypeAlias = Callable[[Array], Array | float]  # maps values (K, a, b) to (K, 1, 1), or to one bound for all


class Arithmetic:
    """The arithmetic of NumPy and BLAS."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def round_to(self, values: Array, digits: int, bound: Bound) -> None:
        """Round each network's values (K, a, b), in place, to this many digits below their bound, if necessary."""

    def multiply(self, left: Array, right: Array, out: Array) -> None:
        """Left @ right, for rounded factors."""
        np.matmul(left, right, out=out)

    def product(self, left: Array, right: Array) -> Array:
        """Left (a, t) @ right (t, b), for any numbers."""
        result: Array = left @ right
        return result

    def exp(self, x: Array) -> None:
        """The exponential, in place."""
        np.exp(x, out=x)

    def log(self, x: Array) -> Array:
        """The natural logarithm."""
        result: Array = np.log(x)
        return result


class Portable(Arithmetic):
    """float64 with exact products, and with functions that are defined to the bit."""

    def round_to(self, values: Array, digits: int, bound: Bound) -> None:
        """Round to a grid on which products are exact."""
        exact.round_to(values, digits, bound(values))

    def multiply(self, left: Array, right: Array, out: Array) -> None:
        """The product without rounding errors, or a sum of pieces that have none."""
        exact.multiply(left, right, out)

    def product(self, left: Array, right: Array) -> Array:
        """The exact product of the rounded factors."""
        return exact.product(left, right)

    def exp(self, x: Array) -> None:
        """The portable exponential, in place."""
        elementary.exp(x)

    def log(self, x: Array) -> Array:
        """The portable natural logarithm."""
        return elementary.log(x)


ARITHMETIC: dict[str, Arithmetic] = {
    "portable": Portable("float64"),
    "float32": Arithmetic("float32"),
    "float64": Arithmetic("float64"),
}
