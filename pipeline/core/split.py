"""Which samples train, which validate and which test: a rule without chance, the same on every machine."""

import numpy as np

from pipeline.core.arrays import Array

OF_EVERY = 10


def rank_in_class(labels: Array) -> Array:
    """For each sample, how many of its class (n,) come before it."""
    order = np.argsort(labels, kind="stable")
    in_order = labels[order]
    rank = np.empty(len(labels), dtype=np.intp)
    rank[order] = np.arange(len(labels)) - np.searchsorted(in_order, in_order)
    return rank


def split(labels: Array, has_published_test: bool) -> dict[str, Array]:
    """The indices of each part's samples, in their order.

    Of every ten images of a class, in the order in which they were published, the ninth validates and the tenth
    tests. Where a test set is published beside these samples, the tenth trains as well. So each part has each
    class in its proportion, and writers who come one after another are spread over the parts.
    """
    turn = rank_in_class(labels) % OF_EVERY
    validates = turn == OF_EVERY - 2
    tests = (turn == OF_EVERY - 1) & (not has_published_test)
    parts = {"train": ~(validates | tests), "validation": validates, "test": tests}
    return {part: np.flatnonzero(chosen) for part, chosen in parts.items()}
