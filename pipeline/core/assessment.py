"""How good a classifier's predictions are, class by class."""

import numpy as np

from pipeline.core.arrays import Array


def confusion_matrix(labels: Array, predictions: Array, classes: int) -> Array:
    """How often each class (row) was taken for each class (column): whole numbers (classes, classes)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def recall(confusion: Array) -> dict[int, float]:
    """For each class that has samples, the share of them, 0 to 1, that were recognised."""
    samples = confusion.sum(axis=1)
    return {int(k): float(confusion[k, k] / samples[k]) for k in np.flatnonzero(samples)}


def most_confident_mistakes(labels: Array, probabilities: Array) -> Array:
    """The indices of the wrongly classified samples, the one that the network was surest of first."""
    predictions = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    return wrong[np.argsort(-probabilities[wrong, predictions[wrong]], kind="stable")]
