"""Real digits to train and validate on, for tests that need more than a few made-up numbers."""

import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from pipeline.core.arrays import Samples
from pipeline.core.batches import batches
from pipeline.core.descent import train
from pipeline.core.fast.stack import Passes, Scores, member, stack
from pipeline.core.initialisation import initialise
from pipeline.core.network import loss_and_gradient, measure
from pipeline.core.normalisation import standard
from pipeline.core.split import split
from pipeline.core.training import Trajectory
from pipeline.core.vitals import signs_of

# One thread for matrix products, as in the stage `train`: the sums are bit-identical, and no thread waits for another.
threadpool_limits(limits=1, user_api="blas")

PIXELS, LABELS = load_digits(return_X_y=True)
PARTS = split(LABELS, has_published_test=False)
AFFINE = standard(PIXELS[PARTS["train"]].astype(np.uint8))


def samples(part, dtype="float32"):
    return Samples(AFFINE.apply(PIXELS[PARTS[part]], dtype), LABELS[PARTS[part]])


TRAINING, VALIDATION = samples("train"), samples("validation")


def untrained(scheme="he", dtype="float32"):
    """A 64-20-10 network, the same on every call."""
    return initialise([64, 20, 10], scheme, 0.01, dtype, np.random.default_rng(0))


def train_digits(scheme="he", **changes):
    """Train that network on the digits, with plain values for everything a test doesn't set."""
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
    """Train a network with the textbook's mathematics."""
    source = batches(*training, batch_size, rng or np.random.default_rng(1))

    def on_the_next_batch(stacked, _with_scores):
        found = loss_and_gradient(member(stacked, 0), *next(source), reduction)
        return Passes(stack([found.gradient]), np.isfinite([found.loss]), as_scores(found.loss, found.accuracy))

    def on_the_validation_set(stacked):
        return as_scores(*measure(member(stacked, 0), *validation))

    def observe_rows(_iteration, rows):
        for row in rows:
            observe(row)

    trajectory = Trajectory(network, alpha, [iterations])
    [[ended]] = train([trajectory], on_the_next_batch, on_the_validation_set, examine, observe_rows)
    return ended


def examine(network, gradient, alpha):
    """The vital signs on a few images."""
    x = VALIDATION.x if network[0].weights.shape[0] == 64 else np.ones((1, len(network[0].weights)), "float32")
    return signs_of(network, gradient, alpha, x, None, network[0].weights.dtype.name)


def as_scores(loss, accuracy):
    return Scores(np.array([loss]), np.array([accuracy]))
