"""Products of rounded factors have no rounding error, as Python's exact fractions show."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.core.fast import exact
from pipeline.core.fast.exact import (
    MANTISSA,
    MOST_TERMS,
    PIXEL,
    digits_of,
    digits_of_first_layer,
    digits_of_layer,
    highest,
    largest,
    multiply,
    product,
    round_to,
    slices,
)

RNG = np.random.default_rng(0)


def rounded(values, digits):
    values = values.copy()
    round_to(values, digits, np.abs(values).max())
    return values


def exactly(left, right):
    """left @ right in fractions, so without rounding."""
    columns = [[Fraction(value) for value in column] for column in right.T.tolist()]
    rows = [[Fraction(value) for value in row] for row in left.tolist()]
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in rows]


@pytest.mark.parametrize(("terms", "digits"), [(1, 0), (2, 1), (3, 2), (64, 6), (65, 7), (1024, 10)])
def test_a_sum_of_n_terms_needs_log2_n_more_digits(terms, digits):
    assert digits_of(terms) == digits


@pytest.mark.parametrize("images", [1, 16, 128, 1024])
@pytest.mark.parametrize("outputs", [2, 10, 512, 100_000])
@pytest.mark.parametrize("inputs", [1, 20, 300, 512, 100_000])
def test_the_digits_of_a_layer_keep_products_exact_and_factors_precise(inputs, outputs, images):
    values, weights, slopes = digits_of_layer(inputs, outputs, images)
    assert values + weights + digits_of(min(inputs, MOST_TERMS)) <= MANTISSA
    assert values + slopes + digits_of(images) <= MANTISSA
    assert weights + slopes + digits_of(min(outputs, MOST_TERMS)) <= MANTISSA
    assert min(values, weights, slopes) >= 21


@pytest.mark.parametrize("inputs", [65, 785, 1_000_001])
def test_the_first_layers_products_with_bytes_are_exact(inputs):
    values, weights, slopes = digits_of_first_layer(inputs, 1024)
    assert values == PIXEL
    assert weights + PIXEL + digits_of(inputs) <= MANTISSA
    assert slopes + PIXEL + digits_of(1024) <= MANTISSA
    assert min(weights, slopes) >= 24


@pytest.mark.parametrize("scale", [1e-100, 1e-9, 1.0, 3e7, 1e200])
def test_rounding_goes_to_the_nearest_multiple_of_the_grid(scale):
    values = scale * RNG.standard_normal(1000)
    grid = 2.0 ** (np.frexp(np.abs(values).max())[1] - 21)
    found = rounded(values, 21)
    multiples = found / grid
    np.testing.assert_array_equal(multiples, np.rint(multiples))
    assert np.abs(multiples).max() <= 2**21
    assert np.abs(found - values).max() <= grid / 2


def test_rounding_hides_neither_nan_nor_infinity():
    values = np.array([1.0, np.nan, np.inf, -np.inf])
    with np.errstate(all="ignore"):
        for bound in (1.0, np.nan, np.inf):
            found = values.copy()
            round_to(found, 21, bound)
            assert np.isnan(found[1])
            assert not np.isfinite(found[1:]).any()


def test_numbers_whose_products_would_underflow_round_to_zero():
    values = np.array([1e-150, -1e-300])
    assert not rounded(values, 21).any()


def test_a_product_of_rounded_factors_equals_that_of_fractions():
    left, right = RNG.standard_normal((5, 300)), 1e-5 * RNG.standard_normal((300, 4))
    values, weights, _ = digits_of_layer(300, 4, 5)
    left, right = rounded(left, values), rounded(right, weights)
    out = np.empty((5, 4))
    multiply(left, right, out)
    assert [[Fraction(value) for value in row] for row in out.tolist()] == exactly(left, right)


def test_only_rounded_factors_have_the_same_product_in_any_order():
    left, right, order = RNG.standard_normal((5, 500)), RNG.standard_normal((500, 4)), RNG.permutation(500)
    values, weights, _ = digits_of_layer(500, 4, 5)
    coarse = rounded(left, values), rounded(right, weights)
    np.testing.assert_array_equal(coarse[0] @ coarse[1], coarse[0][:, order] @ coarse[1][order])
    assert (left @ right != left[:, order] @ right[order]).any()


def test_a_long_sum_is_added_in_exact_pieces():
    left, right = RNG.standard_normal((3, 2000)), RNG.standard_normal((2000, 2))
    values, weights, _ = digits_of_layer(2000, 2, 3)
    left, right = rounded(left, values), rounded(right, weights)
    out = np.empty((3, 2))
    multiply(left, right, out)
    expected = np.zeros((3, 2))
    for start in range(0, 2000, MOST_TERMS):
        piece = slice(start, start + MOST_TERMS)
        exact_piece = exactly(left[:, piece], right[piece])
        expected += np.array(exact_piece, float)
        assert [[Fraction(value) for value in row] for row in np.array(exact_piece, float).tolist()] == exact_piece
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("shape", [(3, 5, 2), (600, 5, 2), (3, 1500, 4), (1, 1, 1)])
def test_a_product_matches_numpy_up_to_rounding(shape):
    rows, terms, columns = shape
    left, right = RNG.standard_normal((rows, terms)), RNG.standard_normal((terms, columns))
    np.testing.assert_allclose(product(left, right), left @ right, rtol=0, atol=1e-4)
    np.testing.assert_allclose(product(left.T.copy().T, right), product(left, right), rtol=0, atol=0)


def test_slices_add_up_to_the_values_and_have_few_digits_each():
    values = RNG.uniform(0, 255, 50)
    rows = slices(values, 8)
    assert [sum(map(Fraction, column)) for column in rows.T.tolist()] == [Fraction(value) for value in values.tolist()]
    for row in rows:
        np.testing.assert_array_equal(row, rounded(row, 8))
    assert slices(np.zeros(3), 8).shape == (0, 3)


def test_each_network_has_its_own_largest_value():
    values = np.array([[[1.0, -5.0], [2.0, 0.0]], [[0.5, 0.1], [0.2, 3.0]]])
    assert largest(values).ravel().tolist() == [5, 3]
    assert highest(values).ravel().tolist() == [2, 3]
    assert exact.lowest(values).ravel().tolist() == [-5, 0.1]
