"""exp, log and normal random numbers with the same bits on every processor.

IEEE 754 defines + - * / and the square root to the last bit, and with them NumPy's frexp, ldexp and comparisons.
It does not define exp and log: each library, and each vector unit within NumPy, rounds the last bit in its own way.
Here both are built from operations that are defined.
"""

from math import prod

import numpy as np

from pipeline.core.arrays import Array

LN_2 = 0.6931471805599453
SQUARE_ROOT_OF_A_HALF = 0.7071067811865476
LEAST_EXPONENT, LARGEST_EXPONENT = -700.0, 710.0  # of e: smaller ones give almost 0, larger ones infinity
STORED, BIAS = 52, 1023  # of a float64: the digits of its mantissa that it stores, and what it adds to its exponent
COARSE = 1.5 * 2.0**STORED + BIAS
AT_ONCE = 16384  # numbers, whose intermediate results fit into the processor's cache


def exp(x: Array) -> Array:
    """The exponential of float64 numbers x, in place, with a relative error below 1e-10; infinity from 709.4 on.

    With x = n ln 2 + r, n an integer and |r| <= ln(2) / 2, it is 2^n e^r. And e^r = (q + r) / (q - r) with
    q = r (e^r + 1) / (e^r - 1) = 2 + r^2/6 - r^4/360 + r^6/15120 - ..., the series of r coth(r/2): Abramowitz and
    Stegun, Handbook of Mathematical Functions (1964), 4.5.67.
    """
    numbers = np.reshape(x, -1, copy=False)
    for start in range(0, len(numbers), AT_ONCE):
        replace_by_exp(numbers[start : start + AT_ONCE])
    return x


def replace_by_exp(x: Array) -> None:
    """The exponential of a few numbers, in place.

    Adding 1.5 * 2^52 rounds to an integer (see `fast.exact`) and leaves it in the last digits of the mantissa. Together
    with the exponent's bias, and shifted to where the exponent is, it becomes a power of two.
    """
    np.clip(x, LEAST_EXPONENT, LARGEST_EXPONENT, out=x)
    power = x * (1 / LN_2)
    power += COARSE
    scratch = power - COARSE  # n
    scratch *= LN_2
    x -= scratch
    square = np.multiply(x, x, out=scratch)
    q = square * (1 / 15120)
    q -= 1 / 360
    q *= square
    q += 1 / 6
    q *= square
    q += 2
    ratio = np.add(q, x, out=scratch)
    q -= x
    ratio /= q
    digits = power.view(np.uint64)
    digits <<= STORED
    np.multiply(ratio, power, out=x)


def log(x: Array) -> Array:
    """The natural logarithm of float64 numbers x >= 0, with an error of about 1e-16; -inf for 0, NaN for infinity.

    With x = 2^e m, and m between the square roots of 1/2 and 2, it is e ln 2 + log m. With s = (m - 1) / (m + 1),
    log m = 2 (s + s^3/3 + s^5/5 + ...): Abramowitz and Stegun, 4.1.27.
    """
    m, e = np.frexp(x)
    is_small = m < SQUARE_ROOT_OF_A_HALF
    m = np.where(is_small, 2 * m, m)
    s = (m - 1) / (m + 1)
    square, series = s * s, np.zeros_like(s)
    for divisor in range(23, 0, -2):
        series *= square
        series += 1 / divisor
    return np.where(x == 0, -np.inf, (e - is_small) * LN_2 + 2 * s * series)


def standard_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal random numbers, by the polar method.

    Take a uniform point in the unit disc, at squared distance s from the centre. Each of its coordinates, times
    sqrt(-2 log(s) / s), is normally distributed: G. Marsaglia and T. Bray, "A convenient method for generating normal
    variables", SIAM Review 6 (1964). NumPy's own generator uses the C library's logarithm.
    """
    count = prod(shape)
    found = np.empty(0)
    while len(found) < count:
        x, y = 2 * rng.random((2, count)) - 1
        s = x * x + y * y
        is_inside = (s > 0) & (s < 1)
        x, s = x[is_inside], s[is_inside]
        found = np.concatenate([found, x * np.sqrt(-2 * log(s) / s)])
    return found[:count].reshape(shape)
