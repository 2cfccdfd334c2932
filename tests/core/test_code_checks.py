"""The checks of a network's code find each mistake by what the functions do, for any sizes, and none where none is."""

from typing import get_args

import numpy as np
import pytest
from real_digits import samples

from pipeline.core.diagnosis.checkup import check_code, code_of
from pipeline.core.diagnosis.code import check_gradient, check_softmax, with_every_unit_on
from pipeline.core.diagnosis.mistakes import MISTAKES
from pipeline.core.faults import Fault
from pipeline.core.initialisation import initialise
from pipeline.core.network import forward

X, LABELS = samples("train", "float64")
SIZES = [(64, 20, 10), (64, 10, 10), (64, 16, 12, 10)]
NARROW = (64, *12 * [2], 10)  # most of its layers are off, and next to nothing comes back through them


def mistakes(check):
    return [mistake.name for mistake in MISTAKES if mistake.is_in(check)]


@pytest.mark.parametrize("sizes", [*SIZES, NARROW], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_right_code_has_no_mistake(sizes, reduction):
    check = check_code(sizes, reduction, None, X, LABELS)
    assert mistakes(check) == []
    assert max(check.gradient.errors) < 1e-6


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("fault", get_args(Fault))
def test_each_mistake_is_the_first_that_is_named(sizes, fault):
    assert mistakes(check_code(sizes, "mean", fault, X, LABELS))[0] == fault


def test_the_scale_of_a_missing_mean_is_the_number_of_samples():
    check = check_code((64, 20, 10), "mean", "gradient_without_mean", X, LABELS)
    assert check.gradient.scale == pytest.approx(check.images)
    assert f"{check.images} times" in next(m for m in MISTAKES if m.name == "gradient_without_mean").said(check)


def test_a_summed_gradient_of_a_mean_is_no_mistake_if_the_loss_is_summed_too():
    assert check_code((64, 20, 10), "sum", "gradient_without_mean", X, LABELS).gradient.mistake is None


def test_one_wrong_parameter_is_found_where_it_is():
    code = code_of("mean", None)
    params = [
        values for layer in initialise((64, 20, 10), "he", 1, "float64", np.random.default_rng(0)) for values in layer
    ]

    def wrong(parameters, x, labels):
        found = code.gradient(parameters, x, labels)
        return [*found[:2], 1.01 * found[2], found[3]]

    checked = check_gradient(code._replace(gradient=wrong), params, X[:16], LABELS[:16], np.random.default_rng(0))
    assert checked.mistake == "other"
    assert checked.worst == 2
    assert checked.errors[2] == pytest.approx(0.01, rel=0.1)


def test_in_a_deep_network_some_relu_turns_in_nearly_every_step_and_no_mistake_is_seen():
    rng = np.random.default_rng(0)
    layers = initialise((64, *40 * [20], 10), "he", 1, "float64", rng)
    params = [values for layer in layers for values in (layer.weights, rng.uniform(-0.1, 0.1, layer.bias.shape))]
    assert check_gradient(code_of("mean", None), params, X[:16] / X.max(), LABELS[:16], rng).mistake is None


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
    code = code_of("mean", None)
    sigmoids = code._replace(forward=lambda parameters, x: 1 / (1 + np.exp(-(x @ parameters[0] + parameters[1]))))
    found = check_softmax(sigmoids, [np.ones((64, 10)), np.zeros(10)], X[:16])
    assert found.sums_over == "neither"
    assert not found.overflows
