"""What a training that goes well records along the way."""

import numpy as np
import pytest
from real_digits import TRAINING, VALIDATION, train_digits, untrained

from pipeline.core.network import measure
from pipeline.core.training import is_recorded

FULL_BATCH_AND_MINIBATCHES = pytest.mark.parametrize("batch_size", [None, 100])


def test_iterations_with_two_significant_digits_are_recorded():
    expected = [*range(100), *range(100, 1000, 10), 1000, 1100, 1200, 1300]
    assert [iteration for iteration in range(1301) if is_recorded(iteration)] == expected


@pytest.mark.parametrize(
    ("iteration", "recorded"),
    [
        (0, True),
        (1, True),
        (99, True),
        (100, True),
        (101, False),
        (109, False),
        (110, True),
        (990, True),
        (999, False),
        (1000, True),
        (1010, False),
        (1100, True),
        (9900, True),
        (9990, False),
        (10_000, True),
        (10_100, False),
        (11_000, True),
    ],
)
def test_which_iterations_around_a_power_of_ten_are_recorded(iteration, recorded):
    assert is_recorded(iteration) is recorded


@pytest.mark.parametrize("iterations", [1, 99, 100, 105, 110, 123])
def test_the_history_has_the_recorded_iterations_and_always_the_last(iterations):
    training = train_digits(iterations=iterations)
    numbers = [row.iteration for row in training.history]
    assert numbers == [number for number in range(iterations) if is_recorded(number)] + [iterations]
    assert not training.diverged
    assert training.iterations == iterations


@FULL_BATCH_AND_MINIBATCHES
def test_a_longer_trainings_history_starts_with_a_shorter_ones(batch_size):
    longer = train_digits(iterations=150, batch_size=batch_size, rng=np.random.default_rng(5)).history
    to_120 = train_digits(iterations=120, batch_size=batch_size, rng=np.random.default_rng(5)).history
    to_123 = train_digits(iterations=123, batch_size=batch_size, rng=np.random.default_rng(5)).history
    assert to_120 == longer[: len(to_120)]
    # 123 is recorded only because the training ends there.
    assert to_123[:-1] == to_120
    assert to_123[-1].iteration == 123


@FULL_BATCH_AND_MINIBATCHES
def test_observe_sees_exactly_the_history(batch_size):
    seen = []
    training = train_digits(iterations=123, batch_size=batch_size, observe=seen.append)
    assert seen == training.history


def test_the_first_row_measures_the_untrained_network():
    first = train_digits().history[0]
    assert (first.loss, first.accuracy) == measure(untrained(), *TRAINING)
    assert (first.validation_loss, first.validation_accuracy) == measure(untrained(), *VALIDATION)


@pytest.mark.parametrize("iterations", [20, 105])
def test_the_returned_network_is_that_of_the_last_row(iterations):
    training = train_digits(iterations=iterations)
    last = training.history[-1]
    assert (last.loss, last.accuracy) == measure(training.network, *TRAINING)
    assert (last.validation_loss, last.validation_accuracy) == measure(training.network, *VALIDATION)


def test_the_rng_decides_the_order_of_minibatches():
    def losses(seed):
        training = train_digits(iterations=20, batch_size=100, rng=np.random.default_rng(seed))
        return [row.loss for row in training.history]

    assert losses(5) == losses(5)
    assert losses(5) != losses(6)
