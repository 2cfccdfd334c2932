"""The checks of a network's code find each mistake by what the functions do, for any sizes, and none where none is."""

from typing import get_args

import numpy as np
import pytest
from real_digits import AFFINE, PARTS, PIXELS, samples

from pipeline.core import faults
from pipeline.core.arrays import Samples
from pipeline.core.diagnosis.checkup import check_code, code_of
from pipeline.core.diagnosis.code import check_gradient, check_softmax, with_every_unit_on
from pipeline.core.diagnosis.mistakes import MISTAKES
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.fast.stack import member, stack
from pipeline.core.faults import Fault
from pipeline.core.initialisation import initialise
from pipeline.core.network import forward, in_precision
from pipeline.core.normalisation import Affine

X, LABELS = samples("train", "float64")
SIZES = [(64, 20, 10), (64, 10, 10), (64, 16, 12, 10)]
NARROW = (64, *12 * [2], 10)  # most of its layers are off, and next to nothing comes back through them


FEW = Samples(X[::90] / X.max(), LABELS[::90])
FEW_PIXELS = PIXELS[PARTS["train"]][::90].astype(np.uint8)
FEW_AFFINE = Affine(AFFINE.shift, AFFINE.scale * X.max())


def gradient_by(reduction, fault=None, precision="float64"):
    """What trains with those settings, on the few samples."""
    if fault is not None:
        return lambda network: faults.loss_and_gradient(network, *FEW, reduction, fault, precision).gradient
    engine = Engine(FEW_PIXELS, FEW.labels, FEW_AFFINE, precision, threads=1)

    def gradient_of(network):
        stacked = stack([in_precision(network, ARITHMETIC[precision].dtype)])
        return member(engine.loss_and_gradient(stacked, reduction).gradient, 0)

    return gradient_of


def checked(sizes, reduction, fault=None, precision="float64"):
    return check_code(sizes, reduction, fault, FEW, gradient_by(reduction, fault, precision))


def mistakes(check):
    return [mistake.name for mistake in MISTAKES if mistake.is_in(check)]


@pytest.mark.parametrize("sizes", [*SIZES, NARROW], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("precision", "error"), [("float64", 1e-6), ("portable", 5e-5), ("float32", 5e-5)])
def test_the_code_that_trains_has_no_mistake(precision, error, sizes, reduction):
    check = checked(sizes, reduction, precision=precision)
    assert mistakes(check) == []
    assert max(check.gradient.errors) < error


def test_a_mistake_in_the_code_that_trains_is_seen_though_the_readable_network_has_none():
    right = gradient_by("mean")

    def wrong(network):
        *others, last = right(network)
        return (*others, last._replace(bias=2 * last.bias))

    found = check_code((64, 20, 10), "mean", None, FEW, wrong)
    assert mistakes(found) == ["wrong_gradient"]
    assert found.gradient.worst == 3


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("fault", get_args(Fault))
@pytest.mark.parametrize("precision", ["portable", "float32"])
def test_each_mistake_is_the_first_that_is_named(precision, sizes, fault):
    assert mistakes(checked(sizes, "mean", fault, precision))[0] == fault


def test_the_scale_of_a_missing_mean_is_the_number_of_samples():
    check = checked((64, 20, 10), "mean", "gradient_without_mean")
    assert check.gradient.scale == pytest.approx(check.images)
    assert f"{check.images} times" in next(m for m in MISTAKES if m.name == "gradient_without_mean").said(check)


def test_a_summed_gradient_of_a_mean_is_no_mistake_if_the_loss_is_summed_too():
    assert checked((64, 20, 10), "sum", "gradient_without_mean").gradient.mistake is None


def test_one_wrong_parameter_is_found_where_it_is():
    code = code_of("mean", None, gradient_by("mean"))
    params = [
        values for layer in initialise((64, 20, 10), "he", 1, "float64", np.random.default_rng(0)) for values in layer
    ]

    def wrong(parameters, x, labels):
        found = code.gradient(parameters, x, labels)
        return [*found[:2], 1.01 * found[2], found[3]]

    found = check_gradient(code._replace(gradient=wrong), params, *FEW, np.random.default_rng(0))
    assert found.mistake == "other"
    assert found.worst == 2
    assert 1e-4 < found.errors[2] < 0.011


def test_in_a_deep_network_some_relu_turns_in_nearly_every_step_and_no_mistake_is_seen():
    rng = np.random.default_rng(0)
    layers = initialise((64, *40 * [20], 10), "he", 1, "float64", rng)
    params = [values for layer in layers for values in (layer.weights, rng.uniform(-0.1, 0.1, layer.bias.shape))]
    assert check_gradient(code_of("mean", None, gradient_by("mean")), params, *FEW, rng).mistake is None


def test_every_unit_is_on_where_all_are_said_to_be():
    network = initialise((64, 20, 15, 10), "uniform", 1, "float64", np.random.default_rng(0))
    params = with_every_unit_on([values for layer in network for values in layer], X)
    pairs = tuple(type(network[0])(*pair) for pair in zip(params[::2], params[1::2], strict=True))
    for hidden in forward(pairs, X)[1:-1]:
        assert hidden.min() > 0


def test_biases_in_columns_are_told_from_weights():
    params = [np.ones((20, 64)), np.zeros((20, 1)), np.ones((10, 20)), np.zeros((10, 1))]
    changed = with_every_unit_on(params, np.ones((64, 5)))
    np.testing.assert_array_equal(changed[1], np.ones((20, 1)))
    assert np.abs(changed[0].sum(axis=1)).max() <= 0.5
    assert np.abs(changed[2].sum(axis=1)).max() * 1.5 <= 0.5


def test_sigmoids_are_no_softmax():
    code = code_of("mean", None, gradient_by("mean"))
    sigmoids = code._replace(forward=lambda parameters, x: 1 / (1 + np.exp(-(x @ parameters[0] + parameters[1]))))
    found = check_softmax(sigmoids, [np.ones((64, 10)), np.zeros(10)], X[:16])
    assert found.sums_over == "neither"
    assert not found.overflows
