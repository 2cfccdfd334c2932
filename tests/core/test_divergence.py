"""A training whose loss is no longer finite stops there and returns its last finite state."""

import warnings

import numpy as np
import pytest
from real_digits import TRAINING, VALIDATION, train_digits, train_on, untrained
from textbook import gradient_descent

from pipeline.core.arrays import Samples
from pipeline.core.batches import batches
from pipeline.core.initialisation import initialise
from pipeline.core.network import Layer, measure
from pipeline.core.training import is_recorded

# The first explodes over many updates, the second within a few, and the third is itself too large for float32.
HUGE = pytest.mark.parametrize("alpha", [1e2, 1e10, 1e39])


@pytest.fixture(autouse=True)
def no_warnings():
    """A diverging training says so in its outcome, not in warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def first_non_finite_loss(alpha):
    """The number of updates after which plain gradient descent overflows."""
    source = batches(*TRAINING, None, np.random.default_rng(1))
    with np.errstate(all="ignore"):
        for state in gradient_descent(untrained(), source, alpha, iterations=100, reduction="mean"):
            if not np.isfinite(state.loss):
                return state.iteration
    raise AssertionError(f"alpha={alpha} does not overflow, so this tests nothing")


@HUGE
def test_a_huge_alpha_diverges_at_the_first_non_finite_loss(alpha):
    training = train_digits(alpha=alpha)
    assert training.diverged
    assert training.iterations == first_non_finite_loss(alpha)
    assert [row.iteration for row in training.history] == list(range(training.iterations))


@HUGE
def test_a_diverged_training_holds_only_finite_numbers(alpha):
    training = train_digits(alpha=alpha)
    assert np.isfinite(training.history).all()
    for layer in training.network:
        assert np.isfinite(layer.weights).all()
        assert np.isfinite(layer.bias).all()


@HUGE
def test_a_diverged_training_returns_the_network_of_its_last_row(alpha):
    training = train_digits(alpha=alpha)
    last = training.history[-1]
    with np.errstate(all="ignore"):
        assert (last.loss, last.accuracy) == measure(training.network, *TRAINING)
        assert (last.validation_loss, last.validation_accuracy) == measure(training.network, *VALIDATION)


@HUGE
def test_observe_sees_exactly_the_history_of_a_diverged_training(alpha):
    seen = []
    training = train_digits(alpha=alpha, observe=seen.append)
    assert seen == training.history


def test_the_last_iteration_can_diverge_too():
    diverges_at = first_non_finite_loss(1e2)
    assert train_digits(alpha=1e2, iterations=diverges_at).diverged
    assert not train_digits(alpha=1e2, iterations=diverges_at - 1).diverged


def train_one_by_one(samples, validation, iterations=200):
    """A small training, one sample at a time, in the order drawn with seed 9."""
    return train_on(
        initialise([2, 3, 2], "he", 0.01, "float32", np.random.default_rng(0)),
        samples,
        validation,
        alpha=0.1,
        iterations=iterations,
        batch_size=1,
        rng=np.random.default_rng(9),
    )


def test_divergence_between_rows_restores_the_network_of_the_last_row():
    # The sample used after 155 updates is NaN, and 150 is the last recorded iteration before it.
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((200, 2)).astype("float32"), rng.integers(0, 2, 200)
    validation = Samples(x[:20].copy(), labels[:20])
    comes_after_155 = np.random.default_rng(9).permutation(200)[155]
    x[comes_after_155] = np.nan
    assert not is_recorded(155)

    training = train_one_by_one(Samples(x, labels), validation)
    to_150 = train_one_by_one(Samples(x, labels), validation, iterations=150)

    assert training.diverged
    assert training.iterations == 155
    assert training.history == to_150.history
    for layer, at_150 in zip(training.network, to_150.network, strict=True):
        np.testing.assert_array_equal(layer.weights, at_150.weights)
        np.testing.assert_array_equal(layer.bias, at_150.bias)


def test_a_network_that_overflows_untrained_has_no_history():
    network = tuple(Layer(np.float32(1e30) * layer.weights, layer.bias) for layer in untrained())
    seen = []
    training = train_on(network, TRAINING, VALIDATION, iterations=10, observe=seen.append)
    assert training.diverged
    assert training.iterations == 0
    assert training.history == seen == []
    assert training.network is network


def test_a_non_finite_validation_loss_ends_the_training_too():
    x, labels = np.ones((4, 2), "float32"), np.array([0, 1, 0, 1])
    training = train_one_by_one(Samples(x, labels), Samples(np.nan * x, labels))
    assert training.diverged
    assert training.iterations == 0
    assert training.history == []


def test_an_infinite_weight_behind_a_dead_relu_is_not_kept():
    # The first update subtracts 2e39 from the hidden unit's weight, more than float32 holds. The unit is then dead,
    # and the last bias alone classifies the sample correctly: the loss is 0.
    network = (Layer(np.ones((1, 1), "f4"), np.zeros(1, "f4")), Layer(np.array([[10, -10]], "f4"), np.zeros(2, "f4")))
    sample = Samples(np.ones((1, 1), "f4"), np.array([1]))
    training = train_on(network, sample, sample, alpha=1e38, iterations=1)
    assert training.diverged
    for layer, untrained_layer in zip(training.network, network, strict=True):
        np.testing.assert_array_equal(layer.weights, untrained_layer.weights)
