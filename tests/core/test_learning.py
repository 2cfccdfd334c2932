"""Networks trained on real digits learn, except the one that starts from zeros."""

import numpy as np
import pytest
from real_digits import TRAINING, samples, train_digits, untrained
from textbook import gradient_descent

from pipeline.core.batches import batches


@pytest.mark.parametrize("scheme", ["uniform", "he", "xavier", "normal"])
def test_a_network_learns_the_digits(scheme):
    training = train_digits(scheme, iterations=200)
    first, last = training.history[0], training.history[-1]
    assert first.accuracy < 0.25  # untrained, it guesses one of ten
    assert last.loss < 0.1 < first.loss
    assert last.accuracy > 0.98
    assert last.validation_accuracy > 0.88


def test_a_network_of_zeros_stays_at_chance():
    last = train_digits("zeros", iterations=200).history[-1]
    assert last.loss == pytest.approx(np.log(10), abs=1e-3)
    assert last.accuracy < 0.15
    assert last.validation_accuracy < 0.15


def test_minibatches_learn_too():
    last = train_digits(batch_size=64, iterations=200).history[-1]
    assert last.validation_accuracy > 0.88


def test_the_sum_learns_like_the_mean_with_alpha_divided_by_the_samples():
    of_mean = train_digits(reduction="mean", alpha=0.5, iterations=50)
    of_sum = train_digits(reduction="sum", alpha=0.5 / len(TRAINING.labels), iterations=50)
    assert of_sum.history[-1].loss == pytest.approx(of_mean.history[-1].loss, rel=1e-3)


def test_a_batch_of_all_samples_is_the_full_batch():
    x, labels = samples("train", "float64")
    network = untrained("he", "float64")

    def descend(batch_size):
        source = batches(x, labels, batch_size, np.random.default_rng(1))
        *_, last = gradient_descent(network, source, alpha=0.5, iterations=20, reduction="mean")
        return last

    full, one_batch = descend(None), descend(len(labels))

    # The batch has the samples in another order, so the sums are rounded differently.
    assert one_batch.loss == pytest.approx(full.loss, rel=1e-9)
    for one, other in zip(full.network, one_batch.network, strict=True):
        np.testing.assert_allclose(other.weights, one.weights, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(other.bias, one.bias, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_keeps_its_dtype(dtype):
    source = batches(*samples("train", dtype), None, np.random.default_rng(1))
    *_, last = gradient_descent(untrained("he", dtype), source, alpha=0.5, iterations=2, reduction="mean")
    assert {values.dtype for layer in last.network for values in layer} == {np.dtype(dtype)}
