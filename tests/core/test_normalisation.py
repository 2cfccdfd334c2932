"""What each normalisation method does to pixels."""

import numpy as np
import pytest

from pipeline.core.normalisation import METHODS, divide_255, none, standard, unit

# Three images of four pixels; the third pixel never changes.
PIXELS = np.array([[10, 20, 7, 0], [40, 20, 7, 100], [10, 110, 7, 50]], np.uint8)
EVERY_BYTE = np.arange(256, dtype=np.uint8)[np.newaxis]

EACH_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def test_unit_maps_the_darkest_pixel_to_0_and_the_brightest_to_1():
    pixels = np.array([[5, 25], [15, 10]], np.uint8)
    np.testing.assert_allclose(unit(pixels).apply(pixels, "float64"), [[0, 1], [0.5, 0.25]], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unit_reaches_0_and_1_exactly(dtype):
    x = unit(PIXELS).apply(PIXELS, dtype)
    assert (x.min(), x.max()) == (0, 1)


def test_unit_refuses_pixels_that_are_all_equal():
    with pytest.raises(ValueError, match="is 9"):
        unit(np.full((3, 4), 9, np.uint8))


def test_standard_gives_each_pixel_mean_0_and_standard_deviation_1():
    pixels = np.random.default_rng(0).integers(0, 256, (500, 12), dtype=np.uint8)
    x = standard(pixels).apply(pixels, "float64")
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_standard_maps_a_constant_pixel_to_0(dtype):
    x = standard(PIXELS).apply(PIXELS, dtype)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x[:, 2], 0)
    np.testing.assert_allclose(x[:, [0, 1, 3]].std(axis=0), 1, rtol=1e-6)


def test_standard_accepts_a_new_value_of_a_constant_pixel():
    other = np.array([[10, 20, 9, 0]], np.uint8)
    assert standard(PIXELS).apply(other, "float64")[0, 2] == 2


def test_divide_255_divides_by_255_exactly():
    np.testing.assert_array_equal(divide_255(EVERY_BYTE).apply(EVERY_BYTE, "float64"), EVERY_BYTE / 255)


def test_divide_255_ignores_the_range():
    darker = EVERY_BYTE // 16
    np.testing.assert_array_equal(divide_255(darker).apply(darker, "float64"), darker / 255)


def test_none_leaves_the_pixels_unchanged():
    np.testing.assert_array_equal(none(EVERY_BYTE).apply(EVERY_BYTE, "float64"), EVERY_BYTE)


@EACH_METHOD
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_result_has_the_requested_type_and_the_shape_of_the_pixels(method, dtype):
    x = method(PIXELS).apply(PIXELS, dtype)
    assert x.dtype == dtype
    assert x.shape == PIXELS.shape


@EACH_METHOD
def test_the_map_is_float64_with_a_nonzero_scale(method):
    affine = method(PIXELS)
    assert (affine.shift.dtype, affine.scale.dtype) == (np.float64, np.float64)
    assert (affine.scale != 0).all()


@EACH_METHOD
def test_the_pixels_are_not_modified(method):
    before = PIXELS.copy()
    method(PIXELS).apply(PIXELS, "float32")
    np.testing.assert_array_equal(PIXELS, before)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (unit, [[2, -0.5]]),  # trained on 50 to 150: 250 is above it by the width of the range
        (standard, [[3, -2]]),  # both pixels have mean 100 and standard deviation 50 in the training images
    ],
)
def test_other_images_are_normalised_by_the_training_images(method, expected):
    training = np.array([[50, 150], [150, 50]], np.uint8)
    others = np.array([[250, 0]], np.uint8)
    np.testing.assert_allclose(method(training).apply(others, "float64"), expected, rtol=1e-15)
