"""Fitting many settings at once: each training is what it would be alone."""

from functools import cache

import numpy as np
import pytest
from plain import PLAIN, assert_same
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.core.batches import batches
from pipeline.core.initialisation import initialise
from pipeline.core.network import measure
from pipeline.core.normalisation import METHODS
from pipeline.core.split import split
from pipeline.files.dataset import About, Dataset, Part
from pipeline.training.fit import fit


@cache
def digits():
    """One in three digits, as a dataset like that of the stage `normalise`."""
    pixels, labels = (values[::3].astype(np.uint8) for values in load_digits(return_X_y=True))
    parts = {
        name: Part(pixels[chosen], labels[chosen]) for name, chosen in split(labels, has_published_test=False).items()
    }
    settings = {"dataset": {"kind": "digits", "name": "digits"}, "normalise": "standard"}
    about = About(settings, data_md5="0f.dir", image_shape=(8, 8), classes=10)
    return Dataset(parts, METHODS["standard"](parts["train"].pixels), about)


def point(**changes):
    return PLAIN.model_copy(update={"iterations": 30} | changes)


def observe_nothing(_iteration, _rows):
    pass


def train(points, threads=1):
    return [diagnosed.training for diagnosed in fit(points, digits(), threads, observe_nothing)]


def assert_each_trains_as_it_would_alone(points):
    found = train(points)
    assert len(found) == len(points)
    for chosen, training in zip(points, found, strict=True):
        assert_same(training, train([chosen])[0])


EVERYTHING_THAT_MAY_DIFFER = [
    {},
    {"alpha": 0.1},
    {"iterations": 12},
    {"init": "xavier", "iterations": 105},
    {"init": "normal", "init_scale": 0.1},
    {"init": "normal", "init_scale": 0.3},
    {"alpha": 100.0, "iterations": 105},  # diverges
    {},
    {"init": "zeros"},
    {"iterations": 101},
    {"alpha": 0.1, "iterations": 12},
]


@pytest.mark.parametrize("batch_size", [None, 100])
def test_each_point_trains_as_it_would_alone(batch_size):
    assert_each_trains_as_it_would_alone(
        [point(batch_size=batch_size, **changes) for changes in EVERYTHING_THAT_MAY_DIFFER]
    )


def test_without_minibatches_points_may_differ_in_seed():
    points = [point(seed=seed, alpha=alpha) for seed in (3, 0) for alpha in (0.5, 0.1)]
    assert_each_trains_as_it_would_alone(points)
    losses = [training.history[-1].loss for training in train(points)]
    assert len(set(losses)) == 4


def test_trainings_keep_the_order_of_the_points():
    ends = [20, 5, 30, 5, 10]
    assert [training.iterations for training in train([point(iterations=end) for end in ends])] == ends


@pytest.mark.parametrize("changes", [{"hidden": [12, 8]}, {"reduction": "sum", "alpha": 0.0003}], ids=str)
def test_shared_settings_apply_to_every_point(changes):
    assert_each_trains_as_it_would_alone([point(**changes), point(**{**changes, "init": "xavier"})])
    training = train([point(**changes)])[0]
    assert [layer.weights.shape[1] for layer in training.network] == [*changes.get("hidden", [20]), 10]
    assert training.history[-1].loss < training.history[0].loss


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(threads):
    assert_same(train([PLAIN], threads)[0], train([PLAIN])[0])


@pytest.mark.parametrize("batch_size", [None, 100])
def test_the_history_starts_with_the_untrained_network_on_the_first_batch(batch_size):
    weight_rng, order_rng = np.random.default_rng(4).spawn(2)
    untrained = initialise([64, 20, 10], "normal", 0.3, "float64", weight_rng)
    [training] = train([point(seed=4, init="normal", init_scale=0.3, batch_size=batch_size)])
    first = training.history[0]
    x, labels = next(batches(*digits().samples("train", "float64"), batch_size, order_rng))
    assert (first.loss, first.accuracy) == pytest.approx(measure(untrained, x, labels), rel=1e-6)
    of_validation = measure(untrained, *digits().samples("validation", "float64"))
    assert (first.validation_loss, first.validation_accuracy) == pytest.approx(of_validation, rel=1e-6)


@pytest.mark.parametrize("batch_size", [None, 100])
def test_the_sum_trains_like_the_mean_with_a_smaller_alpha(batch_size):
    images = batch_size or len(digits().parts["train"].labels)
    common = {"batch_size": batch_size, "iterations": 4}  # few enough that no batch is smaller
    [of_mean] = train([point(**common)])
    [of_sum] = train([point(**common, reduction="sum", alpha=0.5 / images)])
    assert of_sum.history[-1].loss == pytest.approx(of_mean.history[-1].loss, rel=1e-3)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_blas_is_limited_to_one_thread_only_during_fit():
    seen = []
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        fit([point(iterations=2)], digits(), 2, lambda _iteration, _rows: seen.append(blas_threads()))
        assert blas_threads() == before
    assert seen == 3 * [[1] * len(before)]


def test_observe_sees_the_rows_of_all_points():
    seen = []
    points = [point(iterations=3), point(iterations=2, alpha=0.1)]
    found = fit(points, digits(), 1, lambda _iteration, rows: seen.append(rows))
    first, second = (diagnosed.training.history for diagnosed in found)
    assert seen == [[first[0], second[0]], [first[1], second[1]], [first[2], second[2]], [first[3]]]


def test_points_that_differ_only_in_iterations_are_observed_once():
    seen = []
    found = fit([point(iterations=3), point(iterations=2)], digits(), 1, lambda _iteration, rows: seen.extend(rows))
    assert seen == found[0].training.history
