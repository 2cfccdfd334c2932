"""Matrix products without rounding errors, and hence with the same bits on every processor.

A float64 is an integer of 53 binary digits, its mantissa, times a power of two. A sum that needs more digits is rounded
at each addition, and the error depends on the order of the additions. BLAS picks that order by processor, shapes and
number of threads. So the last digits of a matrix product differ between machines, and training amplifies the
difference.

A sum that needs at most 53 digits is never rounded, and gives the same result in every order. We can count the digits.
If the factors are integers of a and b digits, each product has at most a + b digits, and a sum of t products at most
log2(t) more. So the sum is exact if

    a + b + log2(t) <= 53

All we have to do is round the factors beforehand, to few enough digits. For the gradient over 1024 images that is
21 + 22 + 10 = 53. A float32 has 24 digits, so little is lost. And each number is rounded only once, in a way that is
defined to the bit.

Rounding numbers to d digits means rounding them to multiples of 2^(e - d), where 2^e is the power of two above the
largest of them. The multiples are integers of d digits, and the common factor 2^(e - d) does not matter.

Rounding takes two additions. Between 2^52 and 2^53 the only floats are integers, so adding 1.5 * 2^52 to a number
rounds it to an integer, and subtracting 1.5 * 2^52 recovers that integer. In the same way, 1.5 * 2^(52 + e - d) rounds
to multiples of 2^(e - d). NaN and infinity are unchanged.

Splitting factors into slices with exact products is due to K. Ozaki, T. Ogita, S. Oishi and S. Rump, "Error-free
transformations of matrix multiplication by using fast routines of matrix multiplication and its applications",
Numerical Algorithms 59 (2012). A single slice of each factor is precise enough for gradient descent.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array

MANTISSA = 53
PIXEL = 8  # digits of a byte
MOST_TERMS = 512  # of an exact sum over units: longer sums are split into pieces
LEAST_EXPONENT = -400  # of a grid's bound: products of much smaller numbers would underflow


class Digits(NamedTuple):
    """How many digits the factors of a layer's three products have."""

    values: int  # the layer's inputs
    weights: int
    slopes: int  # the gradient at the layer's outputs


def digits_of(terms: int) -> int:
    """How many more digits a sum of this many terms can have than its terms."""
    return (terms - 1).bit_length()


@cache
def digits_of_layer(inputs: int, outputs: int, images: int) -> Digits:
    """Digits for a layer above the first, such that all its products are exact.

    values @ weights sums over the inputs, values.T @ slopes over the images, slopes @ weights.T over the outputs.
    """
    of_inputs, of_outputs = (digits_of(min(units, MOST_TERMS)) for units in (inputs, outputs))
    of_images = digits_of(images)
    values = (MANTISSA - max(of_inputs, of_images)) // 2
    weights, slopes = MANTISSA - of_inputs - values, MANTISSA - of_images - values  # upper bounds
    for_both = MANTISSA - of_outputs
    slopes = min(slopes, max(for_both // 2, for_both - weights))
    return Digits(values, min(weights, for_both - slopes), slopes)


@cache
def digits_of_first_layer(inputs: int, images: int) -> Digits:
    """Digits for the first layer, whose inputs are bytes and need no gradient."""
    return Digits(PIXEL, MANTISSA - PIXEL - digits_of(inputs), MANTISSA - PIXEL - digits_of(images))


def largest(values: Array) -> Array:
    """The largest absolute value of each network's values (K, a, b), as (K, 1, 1)."""
    size: Array = np.maximum(highest(values), -lowest(values))
    return size


def highest(values: Array) -> Array:
    """The maximum of each network's values (K, a, b), as (K, 1, 1)."""
    return reduced(np.maximum, values)


def lowest(values: Array) -> Array:
    """The minimum of them."""
    return reduced(np.minimum, values)


def reduced(ufunc: np.ufunc, values: Array) -> Array:
    """Reduce each network's values (K, a, b) to (K, 1, 1); where networks interleave, one axis at a time is faster."""
    steps = [(1, 2)] if values.flags.c_contiguous else [1, 2]
    for axis in steps:
        values = ufunc.reduce(values, axis=axis, keepdims=True)
    return values


def grid(digits: int, bound: Array | float) -> Array:
    """The number that, added and then subtracted, rounds values to this many digits below their bound."""
    exponent = np.maximum(np.frexp(bound)[1], LEAST_EXPONENT)
    coarse: Array = np.ldexp(1.5, MANTISSA - 1 - digits + exponent)
    return coarse


def round_to(values: Array, digits: int, bound: Array | float) -> None:
    """Round values, in place, to this many digits below the power of two above their bound."""
    coarse = grid(digits, bound)
    values += coarse
    values -= coarse


def pieces(terms: int) -> Iterator[slice]:
    """Split the terms of a sum into consecutive pieces whose sums are exact."""
    return (slice(start, start + MOST_TERMS) for start in range(0, terms, MOST_TERMS))


def multiply(left: Array, right: Array, out: Array) -> None:
    """Left (..., a, t) @ right (..., t, b), both already rounded, as exact partial sums added in a fixed order."""
    first, *others = pieces(left.shape[-1])
    np.matmul(left[..., first], right[..., first, :], out=out)
    for piece in others:
        out += np.matmul(left[..., piece], right[..., piece, :])


def product(left: Array, right: Array) -> Array:
    """Left (a, t) @ right (t, b), of any numbers, rounded to as many digits as keep the product exact.

    It goes piece by piece, to keep long sums exact and to fit large factors into the cache.
    """
    half = (MANTISSA - digits_of(MOST_TERMS)) // 2
    of_left, of_right = (grid(half, max(factor.max(), -factor.min())) for factor in (left, right))
    out = np.zeros((left.shape[0], right.shape[1]))
    for terms in pieces(left.shape[1]):
        factor = right[terms] + of_right - of_right
        for rows in pieces(left.shape[0]):
            out[rows] += (left[rows, terms] + of_left - of_left) @ factor
    return out


def slices(values: Array, digits: int) -> Array:
    """Split values (n,) into rows (rows, n) of this many digits that add up to them, so that products can be exact."""
    rows, rest = [], values.astype(np.float64)
    while rest.any():
        row = rest.copy()
        round_to(row, digits, np.abs(row).max())
        rows.append(row)
        rest = rest - row
    return np.reshape(rows, (-1, len(values)))
