"""The batches used for updates."""

from itertools import islice

import numpy as np
import pytest

from pipeline.core.batches import batches

N = 10
LABELS = np.arange(N)
X = 100.0 * LABELS[:, np.newaxis]  # sample k is 100 k, so a label paired with the wrong sample shows


def draw(batch_size, number, seed=0):
    return list(islice(batches(X, LABELS, batch_size, np.random.default_rng(seed)), number))


def order(drawn):
    return np.concatenate([labels for _, labels in drawn]).tolist()


@pytest.mark.parametrize(
    ("batch_size", "lengths"),
    [(1, [1] * 10), (3, [3, 3, 3, 1]), (4, [4, 4, 2]), (5, [5, 5]), (9, [9, 1]), (10, [10])],
)
def test_an_epoch_has_each_sample_once_and_may_end_with_a_smaller_batch(batch_size, lengths):
    drawn = draw(batch_size, 3 * len(lengths))
    assert [len(labels) for _, labels in drawn] == 3 * lengths
    in_order = order(drawn)
    for epoch in range(3):
        assert sorted(in_order[epoch * N : (epoch + 1) * N]) == list(range(N))


def test_each_sample_keeps_its_label():
    for x, labels in draw(4, 9):
        np.testing.assert_array_equal(x, X[labels])


def test_every_epoch_has_its_own_order():
    in_order = order(draw(4, 9))
    epochs = [in_order[:N], in_order[N : 2 * N], in_order[2 * N :], list(range(N))]
    assert len({tuple(epoch) for epoch in epochs}) == 4


@pytest.mark.parametrize("skipped", [0, 1, 2, 3, 7])
def test_skipping_batches_gives_those_that_would_have_followed(skipped):
    later = list(islice(batches(X, LABELS, 4, np.random.default_rng(0), skipped), 5))
    assert order(later) == order(draw(4, skipped + 5)[skipped:])


def test_the_seed_decides_the_order():
    assert order(draw(4, 9, seed=5)) == order(draw(4, 9, seed=5))
    assert order(draw(4, 9, seed=5)) != order(draw(4, 9, seed=6))


def test_without_a_batch_size_every_batch_is_all_samples_in_order():
    drawn = draw(None, 50)
    assert len(drawn) == 50
    for x, labels in drawn:
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(labels, LABELS)
