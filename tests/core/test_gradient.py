"""The gradient compared with finite differences, and with itself when the samples are in another order."""

import numpy as np
import pytest
import real_digits

from pipeline.core.initialisation import SCHEMES, initialise
from pipeline.core.network import forward, loss_and_gradient, measure

STEP = 1e-5
RELATIVE_ERROR = 1e-7  # a central difference is off by about STEP squared (1e-10) plus rounding

FEATURES, CLASSES = 5, 4
HIDDEN_LAYERS = {1: [6], 2: [6, 7], 3: [6, 7, 5]}


def samples():
    rng = np.random.default_rng(1)
    labels = np.array([0, 1, 2, 3, 0, 1])  # unbalanced classes, so that no bias's gradients cancel out
    return rng.standard_normal((len(labels), FEATURES)), labels


def draw(scheme, depth):
    return initialise([FEATURES, *HIDDEN_LAYERS[depth], CLASSES], scheme, 0.5, "float64", np.random.default_rng(37))


def central_differences(loss, parameters):
    """The slope of `loss()` along each parameter, which is changed in place and restored."""
    slopes = np.empty_like(parameters)
    for place in np.ndindex(parameters.shape):
        value = parameters[place]
        parameters[place] = value + STEP
        above = loss()
        parameters[place] = value - STEP
        below = loss()
        parameters[place] = value
        slopes[place] = (above - below) / (2 * STEP)
    return slopes


def distance_to_the_nearest_kink(network, x):
    """The smallest distance of a ReLU's input from 0, where the ReLU has no derivative."""
    inputs = forward(network, x)[: len(network) - 1]
    return min(np.abs(a @ layer.weights + layer.bias).min() for a, layer in zip(inputs, network[:-1], strict=True))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("depth", HIDDEN_LAYERS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_gradient_is_the_slope_of_the_loss(scheme, depth, reduction):
    network = draw(scheme, depth)
    x, labels = samples()
    times = len(labels) if reduction == "sum" else 1

    def loss():
        return times * measure(network, x, labels)[0]

    # A central difference is a slope only if the step crosses no kink. With zeros, every ReLU is at its kink, but the
    # weights after it are 0 too, so only a step of the last bias changes the loss.
    if scheme != "zeros":
        assert distance_to_the_nearest_kink(network, x) > 100 * STEP

    gradient = loss_and_gradient(network, x, labels, reduction).gradient

    for layer, slope in zip(network, gradient, strict=True):
        for parameters, found in zip(layer, slope, strict=True):
            expected = central_differences(loss, parameters)
            assert found.shape == parameters.shape
            error = np.linalg.norm(found - expected)
            assert error <= RELATIVE_ERROR * (np.linalg.norm(found) + np.linalg.norm(expected))


@pytest.mark.parametrize("depth", HIDDEN_LAYERS)
@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "zeros"])
def test_the_gradient_reaches_every_layer(scheme, depth):
    # Otherwise the test above could pass because both sides are 0.
    for slope in loss_and_gradient(draw(scheme, depth), *samples()).gradient:
        assert np.linalg.norm(slope.weights) > 1e-3
        assert np.linalg.norm(slope.bias) > 1e-3


@pytest.mark.parametrize("depth", HIDDEN_LAYERS)
def test_at_zeros_only_the_last_bias_has_a_gradient(depth):
    *before, last = loss_and_gradient(draw("zeros", depth), *samples()).gradient
    assert all(not slope.weights.any() and not slope.bias.any() for slope in before)
    assert not last.weights.any()
    assert last.bias.any()


def test_the_reported_loss_is_the_mean_in_both_reductions():
    network = draw("he", 2)
    of_mean, of_sum = (loss_and_gradient(network, *samples(), reduction) for reduction in ("mean", "sum"))
    assert of_mean.loss == of_sum.loss == measure(network, *samples())[0]
    assert of_mean.accuracy == of_sum.accuracy == measure(network, *samples())[1]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_order_of_the_samples_does_not_change_the_gradient(scheme):
    x, labels = real_digits.samples("train", "float64")
    order = np.random.default_rng(4).permutation(len(labels))
    network = real_digits.untrained(scheme, "float64")

    in_order = loss_and_gradient(network, x, labels).gradient
    permuted = loss_and_gradient(network, x[order], labels[order]).gradient

    for one, other in zip(in_order, permuted, strict=True):
        np.testing.assert_allclose(other.weights, one.weights, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(other.bias, one.bias, rtol=1e-10, atol=1e-14)


def test_the_samples_and_the_network_are_not_modified():
    network, (x, labels) = draw("he", 2), samples()
    loss_and_gradient(network, x, labels)
    np.testing.assert_array_equal(x, samples()[0])
    for layer, drawn in zip(network, draw("he", 2), strict=True):
        np.testing.assert_array_equal(layer.weights, drawn.weights)
        np.testing.assert_array_equal(layer.bias, drawn.bias)
