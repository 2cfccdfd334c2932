"""Networks trained in portable precision are as good as in float64: rounding matters less than the seed."""

from functools import cache

import numpy as np
from real_digits import AFFINE, LABELS, PARTS, PIXELS
from threadpoolctl import threadpool_limits

from pipeline.core.descent import train
from pipeline.core.fast.engine import Engine
from pipeline.core.initialisation import initialise
from pipeline.core.training import Trajectory
from pipeline.core.vitals import signs_of

SEEDS = range(20)


@cache
def validated(precision):
    """The final validation accuracy for each seed."""
    engines = {
        part: Engine(PIXELS[PARTS[part]].astype(np.uint8), LABELS[PARTS[part]], AFFINE, precision, threads=1)
        for part in ("train", "validation")
    }
    x = AFFINE.apply(PIXELS[PARTS["train"]][:20], "float64")
    trajectories = [
        Trajectory(initialise([64, 20, 10], "he", 0.01, "float64", np.random.default_rng(seed)), 0.3, [300])
        for seed in SEEDS
    ]
    with threadpool_limits(limits=1, user_api="blas"):
        trainings = train(
            trajectories,
            lambda stacked, scored: engines["train"].loss_and_gradient(stacked, "mean", scored),
            engines["validation"].measure,
            lambda network, gradient, alpha: signs_of(network, gradient, alpha, x, None, "float64"),
            lambda _iteration, _rows: None,
        )
    return np.array([training.history[-1].validation_accuracy for [training] in trainings])


def test_portable_precision_matters_less_than_the_seed():
    portable, plain = validated("portable"), validated("float64")
    between_seeds = np.abs(plain[:, np.newaxis] - plain)[np.triu_indices(len(SEEDS), 1)]
    assert np.abs(portable - plain).max() <= between_seeds.max()
    assert np.abs(portable - plain).mean() < between_seeds.mean() / 2
    assert portable.mean() > 0.93
