"""A training of each kind, and the hash of its results: weights, losses and vital signs.

    python -m tests.portable.trainings [DIGITS.npz [KIND ...]]

It prints {kind: hash} for the given kinds, or for all. Given the digits in a file, it needs only NumPy, so it runs
where nothing else is installed; otherwise it uses scikit-learn's digits.
"""

import hashlib
import json
import sys

import numpy as np

from pipeline.core import faults
from pipeline.core.descent import train
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.minibatches import Minibatches
from pipeline.core.initialisation import initialise
from pipeline.core.normalisation import METHODS
from pipeline.core.training import Trajectory
from pipeline.core.vitals import signs_of

ITERATIONS = 40
KINDS = {
    "full batch": {},
    "minibatches": {"batch_size": 64},
    "minibatches of one": {"batch_size": 1, "alpha": 0.01},
    "large minibatches": {"batch_size": 1100},
    "summed": {"reduction": "sum", "alpha": 0.0003},
    "two layers": {"hidden": [20, 15]},
    "a wide layer": {"hidden": [700], "iterations": 4},
    "one unit": {"hidden": [1]},
    "stacked": {"networks": 7},
    "unit": {"method": "unit"},
    "divide_255": {"method": "divide_255"},
    "none": {"method": "none", "alpha": 0.001},
    "uniform": {"init": "uniform"},
    "xavier": {"init": "xavier"},
    "normal": {"init": "normal"},
    "softmax over samples": {"fault": "softmax_over_samples", "alpha": 0.01},
}


def training(
    pixels,
    labels,
    *,
    method="standard",
    init="he",
    hidden=(20,),
    alpha=0.3,
    reduction="mean",
    batch_size=None,
    networks=1,
    fault=None,
    iterations=ITERATIONS,
):
    """Train a stack of networks, and return the training of the first."""
    affine = METHODS[method](pixels)
    x = affine.apply(pixels, "float64")
    measure = Engine(pixels[::5], labels[::5], affine, "portable", threads=1).measure
    if fault is not None:
        descent = lambda stacked, _: faults.passes(stacked, x, labels, reduction, fault, "portable")  # noqa: E731
    elif batch_size is None:
        engine = Engine(pixels, labels, affine, "portable", threads=2)
        descent = lambda stacked, scored: engine.loss_and_gradient(stacked, reduction, scored)  # noqa: E731
    else:
        batches = Minibatches(pixels, labels, affine, "portable", batch_size, np.random.default_rng(1))
        descent = lambda stacked, scored: batches.loss_and_gradient(stacked, reduction, scored)  # noqa: E731

    def examine(network, gradient, alpha):
        return signs_of(network, gradient, alpha, x[::7], fault, "portable")

    sizes = [pixels.shape[1], *hidden, 10]
    trajectories = [
        Trajectory(initialise(sizes, init, 0.1, "float64", np.random.default_rng(seed)), alpha, [iterations])
        for seed in range(networks)
    ]
    [[first], *_] = train(trajectories, descent, measure, examine, lambda _iteration, _rows: None)
    return first


def hashed(training):
    """The hash of a training's results."""
    weights = [values.tobytes() for layer in training.network for values in layer]
    numbers = repr((training.history, training.vitals, training.iterations)).encode()
    return hashlib.sha256(b"".join([*weights, numbers])).hexdigest()[:16]


def digits_in(file):
    """The pixels and labels in a file."""
    with np.load(file) as digits:
        return digits["pixels"], digits["labels"]


def digits_of_scikit_learn():
    """The pixels and labels of scikit-learn's digits, as bytes."""
    from sklearn.datasets import load_digits

    return [values.astype(np.uint8) for values in load_digits(return_X_y=True)]


def main():
    """Train and print."""
    files, kinds = sys.argv[1:2], sys.argv[2:]
    pixels, labels = digits_in(files[0]) if files else digits_of_scikit_learn()
    hashes = {kind: hashed(training(pixels, labels, **KINDS[kind])) for kind in kinds or KINDS}
    print(json.dumps(hashes, indent=2))


if __name__ == "__main__":
    main()
