"""How good a classifier's predictions are, by class."""

import numpy as np

from pipeline.core.arrays import Array


def confusion_matrix(labels: Array, predictions: Array, classes: int) -> Array:
    """How often each class (row) was predicted as each class (column): integers (classes, classes)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def recall(confusion: Array) -> dict[int, float]:
    """The share, 0 to 1, of each class's samples that were recognised; classes without samples are left out."""
    samples = confusion.sum(axis=1)
    return {int(k): float(confusion[k, k] / samples[k]) for k in np.flatnonzero(samples)}


def most_confident_mistakes(labels: Array, probabilities: Array) -> Array:
    """The indices of the misclassified samples, most confident first."""
    predictions = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    return wrong[np.argsort(-probabilities[wrong, predictions[wrong]], kind="stable")]
