"""Networks with a built-in mistake make exactly that mistake."""

from typing import get_args

import numpy as np
import pytest
from real_digits import samples, untrained

from pipeline.core import faults, network
from pipeline.core.fast.stack import stack
from pipeline.core.faults import Fault
from pipeline.core.initialisation import initialise

X, LABELS = samples("train", "float64")
NET = untrained("he", "float64")
RIGHT = network.loss_and_gradient(NET, X, LABELS)


def wrong(fault, reduction="mean"):
    return faults.loss_and_gradient(NET, X, LABELS, reduction, fault, "float64")


def assert_close(found, expected, scale=1.0):
    for layer, other in zip(found, expected, strict=True):
        for values, others in zip(layer, other, strict=True):
            np.testing.assert_allclose(values, scale * others, rtol=1e-10, atol=1e-15)


def test_a_wrong_sign_reverses_the_gradient():
    assert_close(wrong("gradient_sign").gradient, RIGHT.gradient, -1)


def test_without_the_mean_the_gradient_is_that_of_the_sum():
    assert_close(wrong("gradient_without_mean").gradient, RIGHT.gradient, len(LABELS))


@pytest.mark.parametrize("fault", ["relu_mask_missing", "transposed_product"])
def test_a_mistake_in_backpropagation_leaves_the_last_layer_correct(fault):
    found = wrong(fault)
    assert_close(found.gradient[1:], RIGHT.gradient[1:])
    assert not np.allclose(found.gradient[0].weights, RIGHT.gradient[0].weights)
    assert (found.loss, found.accuracy) == (RIGHT.loss, RIGHT.accuracy)


def test_without_the_relu_mask_a_dead_unit_gets_a_gradient():
    dead = (NET[0]._replace(bias=NET[0].bias - 1e6), NET[1])
    assert np.any(faults.loss_and_gradient(dead, X, LABELS, "mean", "relu_mask_missing", "float64").gradient[0].weights)
    assert not np.any(faults.loss_and_gradient(dead, X, LABELS, "mean", "gradient_sign", "float64").gradient[0].weights)


def test_the_transposed_product_leaves_square_weights_untransposed():
    square = initialise([64, 10, 10], "he", 0.01, "float64", np.random.default_rng(0))
    found = faults.loss_and_gradient(square, X, LABELS, "mean", "transposed_product", "float64").gradient
    hidden, logits = network.forward(square, X)[1:]
    delta = (np.exp(network.log_softmax(logits)) - np.eye(10)[LABELS]) / len(LABELS)
    np.testing.assert_allclose(found[0].bias, ((delta @ square[1].weights) * (hidden > 0)).sum(axis=0), rtol=1e-10)


def test_a_softmax_over_samples_sums_to_one_for_each_class():
    logits = network.forward(NET, X)[-1]
    np.testing.assert_allclose(
        np.exp(faults.log_probabilities(logits, "softmax_over_samples", "float64")).sum(axis=0), 1
    )


def test_a_softmax_over_samples_keeps_the_gradient_probabilities_minus_labels():
    logits = network.forward(NET, X)[-1]
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    expected = (p - np.eye(10)[LABELS]).sum(axis=0) / len(LABELS)
    np.testing.assert_allclose(wrong("softmax_over_samples").gradient[-1].bias, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("precision", ["portable", "float64"])
def test_an_unshifted_softmax_is_right_until_exp_overflows(precision):
    assert_close(wrong("softmax_unshifted").gradient, RIGHT.gradient)
    with np.errstate(all="ignore"):
        large = faults.log_probabilities(np.array([[1000.0, 0.0]]), "softmax_unshifted", precision)
    assert not np.isfinite(large).any()


def test_predictions_are_the_most_probable_classes_of_each_softmax():
    logits = np.array([[5.0, 4.0], [9.0, 4.0]])
    assert faults.predictions(logits, None, "float64").tolist() == [0, 0]
    assert faults.predictions(logits, "softmax_unshifted", "float64").tolist() == [0, 0]
    assert faults.predictions(logits, "softmax_over_samples", "float64").tolist() == [1, 0]


def test_a_stack_gives_what_each_network_gives_alone():
    other = untrained("xavier", "float64")
    found = faults.passes(stack([NET, other]), X, LABELS, "sum", "gradient_sign", "float64")
    alone = faults.loss_and_gradient(other, X, LABELS, "sum", "gradient_sign", "float64")
    np.testing.assert_array_equal(found.gradient[0][1:, 1], alone.gradient[0].weights)
    assert found.scores.loss.tolist() == [RIGHT.loss, alone.loss]
    measured = faults.measures(stack([NET, other]), X, LABELS, "gradient_sign", "float64")
    assert (measured.loss[1], measured.accuracy[1]) == network.measure(other, X, LABELS)


@pytest.mark.parametrize("fault", get_args(Fault))
def test_portable_precision_differs_only_by_rounding(fault):
    plain = wrong(fault)
    portable = faults.loss_and_gradient(NET, X, LABELS, "mean", fault, "portable")
    assert portable.loss == pytest.approx(plain.loss, rel=1e-6)
    for layer, other in zip(portable.gradient, plain.gradient, strict=True):
        for values, others in zip(layer, other, strict=True):
            np.testing.assert_allclose(values, others, rtol=0, atol=1e-5 * np.abs(others).max())
