"""The kinds of arithmetic that networks can be trained in.

The setting `precision` is one of two: "portable" has the same bits on every processor, "float32" has not, and is
faster. "float64", plain as well, is for checks. All offer the same operations, so that what is made of them stands in
one place.
"""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import numpy as np

from pipeline.core import elementary
from pipeline.core.arrays import Array
from pipeline.core.fast import exact

Precision: TypeAlias = Literal["portable", "float32", "float64"]
Bound: TypeAlias = Callable[[Array], Array | float]  # of values (K, a, b): (K, 1, 1), or one for all


class Arithmetic(Protocol):
    """What both kinds can do."""

    dtype: str

    def round_to(self, values: Array, digits: int, bound: Bound) -> None:
        """Round each network's values (K, a, b) to so many digits below their bound, in their place."""

    def multiply(self, left: Array, right: Array, out: Array) -> None:
        """Left @ right, of factors that are rounded."""

    def product(self, left: Array, right: Array) -> Array:
        """Left (a, t) @ right (t, b), of any numbers."""

    def slices(self, values: Array, digits: int) -> Array:
        """Values (n,) as the sum of rows (rows, n), each of so many digits."""

    def exp(self, x: Array) -> None:
        """E to the power of x, in its place."""

    def log(self, x: Array) -> Array:
        """The natural logarithm."""


class Portable:
    """float64 with exact products: see `exact`."""

    dtype = "float64"

    def round_to(self, values: Array, digits: int, bound: Bound) -> None:
        """Round to a grid on which products are exact."""
        exact.round_to(values, digits, bound(values))

    def multiply(self, left: Array, right: Array, out: Array) -> None:
        """Left @ right without a rounding error, or in pieces that have none."""
        exact.multiply(left, right, out)

    def product(self, left: Array, right: Array) -> Array:
        """Left @ right without a rounding error, after one of each factor."""
        return exact.product(left, right)

    def slices(self, values: Array, digits: int) -> Array:
        """As many rows as hold all digits."""
        return exact.slices(values, digits)

    def exp(self, x: Array) -> None:
        """The exp that is defined to the bit."""
        elementary.exp(x)

    def log(self, x: Array) -> Array:
        """The log that is defined to the bit."""
        return elementary.log(x)


class Plain:
    """float32 or float64 as NumPy and BLAS have it."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def round_to(self, values: Array, digits: int, bound: Bound) -> None:
        """Nothing: every operation rounds."""

    def multiply(self, left: Array, right: Array, out: Array) -> None:
        """Left @ right, as BLAS rounds it."""
        np.matmul(left, right, out=out)

    def product(self, left: Array, right: Array) -> Array:
        """Left @ right, as BLAS rounds it."""
        result: Array = left @ right
        return result

    def slices(self, values: Array, digits: int) -> Array:  # noqa: ARG002
        """One row, the values themselves."""
        return values[np.newaxis].astype(self.dtype)

    def exp(self, x: Array) -> None:
        """NumPy's exp."""
        np.exp(x, out=x)

    def log(self, x: Array) -> Array:
        """NumPy's log."""
        result: Array = np.log(x)
        return result


ARITHMETIC: dict[str, Arithmetic] = {"portable": Portable(), "float32": Plain("float32"), "float64": Plain("float64")}
