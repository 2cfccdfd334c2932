"""The kinds of arithmetic that networks can be trained in.

The setting `precision` is one of two: "portable" has the same bits on every processor, "float32" has not, and is
faster. "float64", as NumPy and BLAS have it, is for checks. All offer the same operations, so that what is made of them
stands in one place.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from pipeline.core import elementary
from pipeline.core.arrays import Array
from pipeline.core.fast import exact

TrainingPrecision: TypeAlias = Literal["portable", "float32"]
Precision: TypeAlias = TrainingPrecision | Literal["float64"]
Bound: TypeAlias = Callable[[Array], Array | float]  # of values (K, a, b): (K, 1, 1), or one for all


class Arithmetic:
    """That of NumPy and BLAS."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def round_to(self, values: Array, digits: int, bound: Bound) -> None:
        """Round each network's values (K, a, b) to so many digits below their bound, in place, if that is needed."""

    def multiply(self, left: Array, right: Array, out: Array) -> None:
        """Left @ right, of factors that are rounded."""
        np.matmul(left, right, out=out)

    def product(self, left: Array, right: Array) -> Array:
        """Left (a, t) @ right (t, b), of any numbers."""
        result: Array = left @ right
        return result

    def exp(self, x: Array) -> None:
        """E to the power of x, in its place."""
        np.exp(x, out=x)

    def log(self, x: Array) -> Array:
        """The natural logarithm."""
        result: Array = np.log(x)
        return result


class Portable(Arithmetic):
    """float64 with products that are exact, and functions that are defined to the bit."""

    def round_to(self, values: Array, digits: int, bound: Bound) -> None:
        """Round to a grid on which products are exact."""
        exact.round_to(values, digits, bound(values))

    def multiply(self, left: Array, right: Array, out: Array) -> None:
        """The product without a rounding error, or in pieces that have none."""
        exact.multiply(left, right, out)

    def product(self, left: Array, right: Array) -> Array:
        """The product of the factors, rounded, without any further error."""
        return exact.product(left, right)

    def exp(self, x: Array) -> None:
        """The exp that is defined to the bit."""
        elementary.exp(x)

    def log(self, x: Array) -> Array:
        """The log that is defined to the bit."""
        return elementary.log(x)


ARITHMETIC: dict[str, Arithmetic] = {
    "portable": Portable("float64"),
    "float32": Arithmetic("float32"),
    "float64": Arithmetic("float64"),
}
