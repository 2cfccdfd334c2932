"""The engine compared with the readable network: the same mathematics, however networks are stacked."""

import warnings
from functools import cache

import numpy as np
import pytest
from conftest import MNIST, needs_mnist
from real_digits import LABELS, PIXELS
from textbook import gradient_descent
from threadpoolctl import threadpool_limits

from pipeline.core.batches import batches
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.fast.stack import descend, member, stack
from pipeline.core.initialisation import SCHEMES, initialise
from pipeline.core.network import loss_and_gradient, measure
from pipeline.core.normalisation import METHODS
from pipeline.files.images import read_images

HIDDEN = [[20], [20, 15], [20, 15, 12]]
ITERATIONS = 10
TOLERANCE = {"float64": 1e-12, "portable": 1e-5, "float32": 1e-5}


@pytest.fixture(autouse=True)
def one_blas_thread():
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def alpha_for(method, reduction, images):
    """A learning rate at which the descent moves, but a ReLU switched on or off by rounding makes no difference."""
    alpha = 1e-6 if method == "none" else 0.005
    return alpha / images if reduction == "sum" else alpha


def last_state(states):
    *_, last = states
    return last


@cache
def images_of(source):
    """Pixels (n, d) and labels (n,): half of the digits, or one in forty MNIST images."""
    if source == "digits":
        return PIXELS[::2].astype(np.uint8), LABELS[::2]
    images = read_images(MNIST, "train")
    return images.pixels[::40].reshape(-1, 784), images.labels[::40]


@cache
def engine_for(source, method, precision, threads=2):
    pixels, labels = images_of(source)
    return Engine(pixels, labels, METHODS[method](pixels), precision, threads)


def trained(loss_and_gradient, networks, alpha, iterations):
    """Train the whole stack: its scores at the end, and its networks."""
    stacked = stack(networks)
    alphas = np.full(len(networks), alpha, stacked[0].dtype)
    for _ in range(iterations):
        descend(stacked, loss_and_gradient(stacked).gradient, alphas)
    return loss_and_gradient(stacked).scores, [member(stacked, k) for k in range(len(networks))]


def assert_agree(source, scheme, hidden, method, reduction, precision):
    dtype = ARITHMETIC[precision].dtype
    pixels, labels = images_of(source)
    network = initialise([pixels.shape[1], *hidden, 10], scheme, 0.1, dtype, np.random.default_rng(3))
    how = (alpha_for(method, reduction, len(labels)), ITERATIONS, reduction)

    x = METHODS[method](pixels).apply(pixels, dtype)
    expected = last_state(gradient_descent(network, batches(x, labels, None, np.random.default_rng(0)), *how))
    engine = engine_for(source, method, precision)
    scores, [found] = trained(lambda stacked: engine.loss_and_gradient(stacked, reduction), [network], *how[:2])

    assert scores.loss[0] == pytest.approx(expected.loss, rel=TOLERANCE[precision])
    assert scores.accuracy[0] == pytest.approx(expected.accuracy, abs=1e-15 if precision == "float64" else 0.01)
    assert_close(found, expected.network, dtype, TOLERANCE[precision])


def assert_close(network, expected, dtype, tolerance):
    for layer, other in zip(network, expected, strict=True):
        for values, others in zip(layer, other, strict=True):
            assert values.dtype == np.dtype(dtype)
            np.testing.assert_allclose(values, others, rtol=0, atol=tolerance)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_engine_matches_the_readable_network_on_digits(scheme, hidden, method, reduction, precision):
    assert_agree("digits", scheme, hidden, method, reduction, precision)


@needs_mnist
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize(("hidden", "reduction"), [([20], "mean"), ([20, 15], "sum"), ([20, 15, 12], "mean")])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_engine_matches_the_readable_network_on_mnist(scheme, hidden, method, reduction, precision):
    assert_agree("mnist", scheme, hidden, method, reduction, precision)


def as_bytes(network):
    return [values.tobytes() for layer in network for values in layer]


@pytest.mark.parametrize("hidden", [*HIDDEN, [1], [20, 1]], ids=str)
@pytest.mark.parametrize("source", ["digits", pytest.param("mnist", marks=needs_mnist)])
def test_a_network_has_the_same_bits_in_any_stack_and_with_any_threads(source, hidden):
    sizes = [images_of(source)[0].shape[1], *hidden, 10]
    networks = [initialise(sizes, "he", 0.1, "float64", np.random.default_rng(seed)) for seed in range(16)]

    def after_five_updates(members, threads):
        engine = engine_for(source, "standard", "portable", threads)
        return trained(lambda stacked: engine.loss_and_gradient(stacked, "mean"), members, 0.3, 5)[1]

    alone = as_bytes(after_five_updates(networks[:1], threads=1)[0])
    for threads, members in ((1, [1, 0]), (2, [0]), (2, [4, 2, 0, 3, 1]), (3, [*range(1, 16), 0])):
        stacked = after_five_updates([networks[k] for k in members], threads)
        assert as_bytes(stacked[members.index(0)]) == alone


@pytest.mark.parametrize("precision", TOLERANCE)
def test_networks_whose_first_layer_is_0_are_the_same_beside_others_and_alone(precision):
    engine, dtype = engine_for("digits", "standard", precision), ARITHMETIC[precision].dtype
    schemes = ("zeros", "he", "zeros", "normal")
    networks = [initialise([64, 20, 10], scheme, 0.1, dtype, np.random.default_rng(0)) for scheme in schemes]
    together = engine.loss_and_gradient(stack(networks), "mean")
    np.testing.assert_array_equal(engine.measure(stack(networks)), together.scores)
    for k, network in enumerate(networks):
        alone = engine.loss_and_gradient(stack([network]), "mean")
        np.testing.assert_allclose(np.array(together.scores)[:, k], np.array(alone.scores)[:, 0], rtol=1e-6)
        found, expected = member(together.gradient, k), member(alone.gradient, 0)
        assert_close(found, expected, dtype, TOLERANCE[precision])
        assert precision != "portable" or as_bytes(found) == as_bytes(expected)


def test_equal_logits_predict_the_first_class_as_argmax_does():
    pixels, labels = images_of("digits")
    network = initialise([64, 20, 10], "zeros", 0.1, "float64", np.random.default_rng(0))
    found = engine_for("digits", "unit", "float64").loss_and_gradient(stack([network]), "mean")
    x = METHODS["unit"](pixels).apply(pixels, "float64")
    assert found.scores.accuracy[0] == loss_and_gradient(network, x, labels).accuracy
    assert found.scores.accuracy[0] == (labels == 0).mean()


def test_measure_agrees_with_a_pass_and_with_the_readable_network():
    pixels, labels = images_of("digits")
    networks = [initialise([64, 20, 10], "he", 0.1, "float64", np.random.default_rng(seed)) for seed in range(2)]
    engine = engine_for("digits", "standard", "float64")
    found = engine.measure(stack(networks))
    np.testing.assert_array_equal(found, engine.loss_and_gradient(stack(networks), "mean").scores)
    x = METHODS["standard"](pixels).apply(pixels, "float64")
    np.testing.assert_allclose(np.transpose(found), [measure(network, x, labels) for network in networks], rtol=1e-12)


@pytest.mark.parametrize(("precision", "huge"), [("portable", 1e200), ("portable", 1e306), ("float32", 1e30)])
def test_an_overflowing_network_affects_no_other_and_gives_no_warning(precision, huge):
    engine, dtype = engine_for("digits", "standard", precision), ARITHMETIC[precision].dtype
    good, bad = (initialise([64, 20, 10], "normal", s, dtype, np.random.default_rng(0)) for s in (0.1, huge))
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):  # as in `train`
        warnings.simplefilter("error")
        both = engine.loss_and_gradient(stack([bad, good]), "mean")
    assert not np.isfinite(both.scores.loss[0])
    assert both.is_finite.tolist() == [False, True]
    alone = engine.loss_and_gradient(stack([good]), "mean")
    if precision == "portable":
        assert both.scores.loss[1] == alone.scores.loss[0]
        assert as_bytes(member(both.gradient, 1)) == as_bytes(member(alone.gradient, 0))
    assert_close(member(both.gradient, 1), member(alone.gradient, 0), dtype, TOLERANCE[precision])
