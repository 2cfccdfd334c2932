"""The softmax, the cross-entropy and the accuracy that follow the last layer."""

import numpy as np
import pytest

from pipeline.core.network import accuracy, cross_entropy, log_softmax

# More classes than samples: with equal numbers, a sum along the wrong axis might go unnoticed.
LOGITS = np.random.default_rng(0).normal(0, 3, (4, 6))


def test_the_probabilities_of_each_sample_sum_to_one():
    np.testing.assert_allclose(np.exp(log_softmax(LOGITS)).sum(axis=1), 1, rtol=1e-14)


def test_probabilities_are_proportional_to_the_exponentials():
    logits = np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]])
    np.testing.assert_allclose(np.exp(log_softmax(logits)), [[1 / 8, 2 / 8, 5 / 8], [3 / 8, 3 / 8, 2 / 8]], rtol=1e-14)


def test_shifting_a_samples_logits_changes_nothing():
    shifts = np.array([[0.0], [5.0], [-7.0], [100.0]])
    np.testing.assert_allclose(log_softmax(LOGITS + shifts), log_softmax(LOGITS), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_stay_finite(dtype):
    # exp(1000) overflows float64, and exp(-1000) is 0.
    logits = np.array([[1000, -1000, 0], [-1000, -1000, -1000], [1000, 1000, 1000]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        log_probabilities = log_softmax(logits)
        losses = [cross_entropy(log_probabilities[:1], np.array([label])) for label in range(3)]
    assert log_probabilities.dtype == dtype
    assert np.isfinite(log_probabilities).all()
    assert losses == pytest.approx([0, 2000, 1000])


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_equal_logits_cost_the_log_of_the_number_of_classes(classes):
    labels = np.arange(classes)
    log_probabilities = log_softmax(np.full((classes, classes), 7.0))
    assert cross_entropy(log_probabilities, labels) == pytest.approx(np.log(classes), rel=1e-14)


def test_the_cross_entropy_is_the_mean_cost_of_the_correct_classes():
    log_probabilities = np.log([[1 / 2, 1 / 4, 1 / 4], [1 / 8, 1 / 8, 3 / 4]])
    # -ln(1/4) = 2 ln 2 and -ln(1/8) = 3 ln 2
    assert cross_entropy(log_probabilities, np.array([1, 0])) == pytest.approx(5 / 2 * np.log(2))


def test_the_accuracy_is_the_share_of_samples_whose_largest_logit_is_correct():
    logits = np.array([[1.0, 3.0, 2.0], [9.0, 0.0, 0.0], [0.0, 1.0, 2.0], [5.0, 4.0, 3.0]])
    assert accuracy(logits, np.array([1, 0, 2, 2])) == 3 / 4
    assert accuracy(log_softmax(logits), np.array([1, 0, 2, 2])) == 3 / 4
