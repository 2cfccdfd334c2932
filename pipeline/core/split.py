"""Which samples train, validate and test: a deterministic rule, the same on every machine."""

import numpy as np

from pipeline.core.arrays import Array

OF_EVERY = 10


def rank_in_class(labels: Array) -> Array:
    """For each sample, how many samples of its class come before it, (n,)."""
    order = np.argsort(labels, kind="stable")
    in_order = labels[order]
    rank = np.empty(len(labels), dtype=np.intp)
    rank[order] = np.arange(len(labels)) - np.searchsorted(in_order, in_order)
    return rank


def split(labels: Array, has_published_test: bool) -> dict[str, Array]:
    """The indices of each part's samples, in their original order.

    Of every ten images of a class, in the order of publication, the ninth validates and the tenth tests. If a test set
    was published separately, the tenth trains too. Every part then has the same class proportions, and the images of
    consecutive writers are spread over all parts.
    """
    turn = rank_in_class(labels) % OF_EVERY
    validates = turn == OF_EVERY - 2
    tests = (turn == OF_EVERY - 1) & (not has_published_test)
    parts = {"train": ~(validates | tests), "validation": validates, "test": tests}
    return {part: np.flatnonzero(chosen) for part, chosen in parts.items()}
