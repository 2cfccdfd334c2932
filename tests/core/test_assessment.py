"""The assessment of predictions, on examples small enough to count by eye."""

import numpy as np
import pytest

from pipeline.core.assessment import confusion_matrix, most_confident_mistakes, recall

# One two is predicted as a zero, and one zero as a one. There are no threes.
LABELS = np.array([0, 0, 0, 1, 2, 2], np.uint8)
PREDICTIONS = np.array([0, 0, 1, 1, 2, 0])
CONFUSION = [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_the_confusion_matrix_counts_each_class_in_its_row():
    matrix = confusion_matrix(LABELS, PREDICTIONS, classes=4)
    assert matrix.tolist() == CONFUSION
    assert matrix.sum() == len(LABELS)


def test_the_confusion_matrix_counts_beyond_a_byte():
    assert confusion_matrix(np.zeros(300, np.uint8), np.ones(300, int), classes=2).tolist() == [[0, 300], [0, 0]]


def test_recall_is_the_share_of_a_class_that_was_recognised():
    assert recall(np.array(CONFUSION)) == {0: pytest.approx(2 / 3), 1: 1.0, 2: 0.5}


def test_a_class_without_samples_has_no_recall_even_if_it_is_predicted():
    assert recall(np.array([[3, 1], [0, 0]])) == {0: 0.75}


def test_a_class_that_is_never_recognised_has_a_recall_of_zero():
    assert recall(np.array([[0, 4], [0, 1]])) == {0: 0.0, 1: 1.0}


def test_the_most_confident_mistakes_come_first():
    labels = np.array([0, 1, 2, 0, 1])
    probabilities = np.array(
        [
            [0.98, 0.01, 0.01],  # right, and the most confident of all
            [0.60, 0.30, 0.10],  # wrong
            [0.05, 0.90, 0.05],  # wrong, and the most confident mistake
            [0.10, 0.15, 0.75],  # wrong
            [0.20, 0.50, 0.30],  # right
        ]
    )
    assert most_confident_mistakes(labels, probabilities).tolist() == [2, 3, 1]


def test_equally_confident_mistakes_keep_their_order():
    # All are wrong, with probabilities 0.6 and 0.75 in turn. There are many, as an unstable sort keeps a few in order.
    labels = np.zeros(200, int)
    probabilities = np.tile([[0.4, 0.6], [0.25, 0.75]], (100, 1))
    assert most_confident_mistakes(labels, probabilities).tolist() == [*range(1, 200, 2), *range(0, 200, 2)]


def test_a_perfect_classifier_has_no_mistakes():
    assert most_confident_mistakes(np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]])).tolist() == []
