"""Which samples are used to train, validate and test."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.core.split import rank_in_class, split

REAL_LABELS = load_digits().target
WITH_AND_WITHOUT_A_PUBLISHED_TEST = pytest.mark.parametrize("has_published_test", [True, False])


def test_the_rank_counts_the_earlier_samples_of_the_same_class():
    labels = np.array([3, 1, 3, 3, 0, 1, 3])
    assert rank_in_class(labels).tolist() == [0, 0, 1, 2, 0, 1, 3]


def test_of_every_ten_of_a_class_the_ninth_validates_and_the_tenth_tests():
    # Twenty fives in a row: 8 and 18 are the ninth of their tens, 9 and 19 the tenth.
    parts = split(np.full(20, 5), has_published_test=False)
    assert parts["validation"].tolist() == [8, 18]
    assert parts["test"].tolist() == [9, 19]
    assert parts["train"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17]


def test_each_class_is_counted_separately():
    # Ten zeros alternate with nine ones, and a single two comes last: the ninth zero has index 16 and the tenth 18,
    # the ninth one has 17, and there is no tenth.
    labels = np.array([0, 1] * 9 + [0, 2])
    parts = split(labels, has_published_test=False)
    assert parts["validation"].tolist() == [16, 17]
    assert parts["test"].tolist() == [18]
    assert parts["train"].tolist() == [*range(16), 19]


def test_with_a_published_test_set_the_tenth_trains():
    parts = split(np.full(20, 5), has_published_test=True)
    assert parts["validation"].tolist() == [8, 18]
    assert parts["test"].tolist() == []
    assert parts["train"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19]


@WITH_AND_WITHOUT_A_PUBLISHED_TEST
def test_every_sample_is_in_exactly_one_part(has_published_test):
    parts = split(REAL_LABELS, has_published_test)
    assert parts.keys() == {"train", "validation", "test"}
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(REAL_LABELS)))


@WITH_AND_WITHOUT_A_PUBLISHED_TEST
def test_each_part_keeps_the_order_of_the_samples(has_published_test):
    for indices in split(REAL_LABELS, has_published_test).values():
        assert (np.diff(indices) > 0).all()


def test_each_part_has_its_share_of_each_class():
    parts = split(REAL_LABELS, has_published_test=False)
    of_class = np.bincount(REAL_LABELS)
    for part, share in {"train": 0.8, "validation": 0.1, "test": 0.1}.items():
        in_part = np.bincount(REAL_LABELS[parts[part]], minlength=10)
        # An incomplete ten shifts a part by fewer than two samples.
        assert (np.abs(in_part - share * of_class) < 2).all()


def test_the_split_is_deterministic():
    first, second = (split(REAL_LABELS, has_published_test=False) for _ in range(2))
    for part in first:
        np.testing.assert_array_equal(first[part], second[part])


def test_appending_samples_moves_no_earlier_one():
    fewer, all_of_them = split(REAL_LABELS[:1000], False), split(REAL_LABELS, False)
    for part in fewer:
        np.testing.assert_array_equal(fewer[part], all_of_them[part][all_of_them[part] < 1000])


def test_labels_may_be_bytes():
    for part, indices in split(REAL_LABELS.astype(np.uint8), has_published_test=False).items():
        np.testing.assert_array_equal(indices, split(REAL_LABELS, has_published_test=False)[part])
