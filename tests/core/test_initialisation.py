"""The ranges and moments of the parameters that each scheme draws, on a layer large enough to measure them."""

import numpy as np
import pytest

from pipeline.core.initialisation import SCHEMES, initialise

# Enough weights that a mean or standard deviation 1% off is not chance: it would be five standard errors.
INPUTS, OUTPUTS = 400, 300
SCALE = 0.03

DRAWN = [scheme for scheme in SCHEMES if scheme != "zeros"]


def layer_of(scheme, seed=0, dtype="float64"):
    (layer,) = initialise([INPUTS, OUTPUTS], scheme, SCALE, dtype, np.random.default_rng(seed))
    return layer


@pytest.mark.parametrize(
    ("scheme", "deviation"),
    [
        ("uniform", np.sqrt(1 / 12)),  # of a uniform distribution of width 1
        ("he", np.sqrt(2 / INPUTS)),
        ("xavier", np.sqrt(2 / (INPUTS + OUTPUTS))),  # of a uniform distribution from -r to r: r / sqrt(3)
        ("normal", SCALE),
    ],
)
def test_weights_have_mean_zero_and_the_schemes_standard_deviation(scheme, deviation):
    weights = layer_of(scheme).weights
    assert weights.std() == pytest.approx(deviation, rel=0.01)
    assert abs(weights.mean()) < 0.02 * deviation


@pytest.mark.parametrize(("scheme", "bound"), [("uniform", 0.5), ("xavier", np.sqrt(6 / (INPUTS + OUTPUTS)))])
def test_uniform_weights_fill_their_range_and_stay_in_it(scheme, bound):
    weights = layer_of(scheme).weights
    assert -bound <= weights.min() < -0.999 * bound
    assert 0.999 * bound < weights.max() <= bound


@pytest.mark.parametrize("scheme", ["he", "normal"])
def test_normal_weights_follow_a_normal_distribution(scheme):
    weights = layer_of(scheme).weights / layer_of(scheme).weights.std()
    assert (np.abs(weights) < 1).mean() == pytest.approx(0.683, abs=0.01)
    assert (np.abs(weights) < 2).mean() == pytest.approx(0.954, abs=0.01)


def test_uniform_draws_its_biases_like_its_weights():
    (layer,) = initialise([2, 100_000], "uniform", SCALE, "float64", np.random.default_rng(0))
    assert -0.5 <= layer.bias.min() < -0.499
    assert 0.499 < layer.bias.max() < 0.5
    assert layer.bias.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("scheme", ["he", "xavier", "normal", "zeros"])
def test_every_other_scheme_starts_with_zero_biases(scheme):
    assert not layer_of(scheme).bias.any()


def test_zeros_gives_zero_weights():
    assert not layer_of("zeros").weights.any()


def test_the_scale_multiplies_normal_weights():
    half, whole = (initialise([8, 5], "normal", scale, "float64", np.random.default_rng(0))[0] for scale in (0.5, 1.0))
    np.testing.assert_array_equal(whole.weights, 2 * half.weights)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_layers_have_the_requested_sizes(scheme):
    network = initialise([64, 20, 30, 10], scheme, SCALE, "float64", np.random.default_rng(0))
    assert [layer.weights.shape for layer in network] == [(64, 20), (20, 30), (30, 10)]
    assert [layer.bias.shape for layer in network] == [(20,), (30,), (10,)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_parameters_are_rounded_from_float64_to_the_requested_type(scheme):
    single, double = layer_of(scheme, dtype="float32"), layer_of(scheme, dtype="float64")
    assert (single.weights.dtype, single.bias.dtype) == (np.float32, np.float32)
    assert (double.weights.dtype, double.bias.dtype) == (np.float64, np.float64)
    np.testing.assert_array_equal(single.weights, double.weights.astype(np.float32))
    np.testing.assert_array_equal(single.bias, double.bias.astype(np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_same_seed_gives_the_same_bits(scheme, dtype):
    one, other = layer_of(scheme, 7, dtype), layer_of(scheme, 7, dtype)
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.bias.tobytes() == other.bias.tobytes()


@pytest.mark.parametrize("scheme", DRAWN)
def test_another_seed_gives_different_weights(scheme):
    assert not np.isin(layer_of(scheme, 7).weights, layer_of(scheme, 8).weights).any()


@pytest.mark.parametrize("scheme", DRAWN)
def test_layers_of_the_same_size_get_different_weights(scheme):
    first, second = initialise([20, 20, 20], scheme, SCALE, "float64", np.random.default_rng(0))
    assert not np.isin(first.weights, second.weights).any()
