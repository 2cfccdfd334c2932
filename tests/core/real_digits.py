"""Real digits to train on and to validate with, for the tests that need more than a few made-up numbers."""

import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from pipeline.core.arrays import Samples
from pipeline.core.batches import batches
from pipeline.core.fast.stack import Passes, Scores, member, stack
from pipeline.core.initialisation import initialise
from pipeline.core.network import loss_and_gradient, measure
from pipeline.core.normalisation import standard
from pipeline.core.split import split
from pipeline.core.training import Trajectory, train
from pipeline.core.vitals import signs_of

# One thread for matrix products, as in the stage `train`: the same sums to the last bit, and no waiting.
threadpool_limits(limits=1, user_api="blas")

PIXELS, LABELS = load_digits(return_X_y=True)
PARTS = split(LABELS, has_published_test=False)
AFFINE = standard(PIXELS[PARTS["train"]].astype(np.uint8))


def samples(part, dtype="float32"):
    return Samples(AFFINE.apply(PIXELS[PARTS[part]], dtype), LABELS[PARTS[part]])


TRAINING, VALIDATION = samples("train"), samples("validation")


def untrained(scheme="he", dtype="float32"):
    """A 64-20-10 network, the same at each call."""
    return initialise([64, 20, 10], scheme, 0.01, dtype, np.random.default_rng(0))


def train_digits(scheme="he", **changes):
    """Train that network on the digits; what a test is not about has a plain value."""
    return train_on(untrained(scheme), TRAINING, VALIDATION, **changes)


def train_on(
    network,
    training,
    validation,
    alpha=0.5,
    iterations=100,
    reduction="mean",
    batch_size=None,
    rng=None,
    observe=lambda _record: None,
):
    """Train a network by the textbook's mathematics."""
    source = batches(*training, batch_size, rng or np.random.default_rng(1))

    def of_the_next_batch(stacked, _with_scores):
        found = loss_and_gradient(member(stacked, 0), *next(source), reduction)
        return Passes(stack([found.gradient]), np.isfinite([found.loss]), as_scores(found.loss, found.accuracy))

    def of_the_validation(stacked):
        return as_scores(*measure(member(stacked, 0), *validation))

    def observe_rows(_iteration, rows):
        for row in rows:
            observe(row)

    trajectory = Trajectory(network, alpha, [iterations])
    [[ended]] = train([trajectory], of_the_next_batch, of_the_validation, examine, observe_rows)
    return ended


def examine(network, gradient, alpha):
    """The vital signs on a few images."""
    x = VALIDATION.x if network[0].weights.shape[0] == 64 else np.ones((1, len(network[0].weights)), "float32")
    return signs_of(network, gradient, alpha, x, None, network[0].weights.dtype.name)


def as_scores(loss, accuracy):
    return Scores(np.array([loss]), np.array([accuracy]))
