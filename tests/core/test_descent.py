"""The batches that updates are made from, and the states that the descent goes through."""

from itertools import islice

import numpy as np
import pytest

from pipeline.core.descent import batches, gradient_descent
from pipeline.core.initialisation import initialise
from pipeline.core.network import measure

N = 10
LABELS = np.arange(N)
X = 100.0 * LABELS[:, np.newaxis]  # sample k is 100 k, so a label that is with another's sample shows


def draw(batch_size, number, seed=0):
    return list(islice(batches(X, LABELS, batch_size, np.random.default_rng(seed)), number))


def order(drawn):
    return np.concatenate([labels for _, labels in drawn]).tolist()


@pytest.mark.parametrize(
    ("batch_size", "lengths"),
    [(1, [1] * 10), (3, [3, 3, 3, 1]), (4, [4, 4, 2]), (5, [5, 5]), (9, [9, 1]), (10, [10])],
)
def test_every_epoch_has_each_sample_once_and_the_last_batch_is_smaller_if_need_be(batch_size, lengths):
    drawn = draw(batch_size, 3 * len(lengths))
    assert [len(labels) for _, labels in drawn] == 3 * lengths
    in_order = order(drawn)
    for epoch in range(3):
        assert sorted(in_order[epoch * N : (epoch + 1) * N]) == list(range(N))


def test_each_sample_keeps_its_label():
    for x, labels in draw(4, 9):
        np.testing.assert_array_equal(x, X[labels])


def test_every_epoch_has_an_order_of_its_own():
    in_order = order(draw(4, 9))
    epochs = [in_order[:N], in_order[N : 2 * N], in_order[2 * N :], list(range(N))]
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_the_seed_decides_the_order():
    assert order(draw(4, 9, seed=5)) == order(draw(4, 9, seed=5))
    assert order(draw(4, 9, seed=5)) != order(draw(4, 9, seed=6))


def test_without_a_batch_size_every_batch_is_everything_in_the_given_order():
    drawn = draw(None, 50)
    assert len(drawn) == 50
    for x, labels in drawn:
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(labels, LABELS)


def test_the_descent_goes_through_the_untrained_network_and_one_more_for_each_update():
    network = initialise([1, 3, N], "he", 0.01, "float64", np.random.default_rng(0))
    source = batches(X / 1000, LABELS, None, np.random.default_rng(0))
    states = list(gradient_descent(network, source, alpha=0.1, iterations=5, reduction="mean"))
    assert [state.iteration for state in states] == [0, 1, 2, 3, 4, 5]
    assert states[0].network is network


def test_a_state_is_measured_on_the_batch_that_its_update_is_made_from():
    network = initialise([1, 3, N], "he", 0.01, "float64", np.random.default_rng(0))
    drawn = draw(4, 6)
    scaled = [(x / 1000, labels) for x, labels in drawn]
    states = gradient_descent(network, iter(scaled), alpha=0.1, iterations=5, reduction="mean")
    for state, batch in zip(states, scaled, strict=True):
        assert (state.loss, state.accuracy) == measure(state.network, *batch)


def test_an_earlier_state_can_be_kept():
    network = initialise([1, 3, N], "he", 0.01, "float64", np.random.default_rng(0))
    before = [values.copy() for layer in network for values in layer]
    source = batches(X / 1000, LABELS, None, np.random.default_rng(0))
    first, *_, last = gradient_descent(network, source, alpha=0.1, iterations=5, reduction="mean")
    for values, kept in zip((values for layer in first.network for values in layer), before, strict=True):
        np.testing.assert_array_equal(values, kept)
    assert (last.network[0].weights != first.network[0].weights).any()
