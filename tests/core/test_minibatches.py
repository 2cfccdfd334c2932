"""Many networks on the same minibatches, compared with the readable descent of each."""

from functools import cache

import numpy as np
import pytest
from conftest import MNIST, needs_mnist
from real_digits import LABELS, PIXELS
from textbook import gradient_descent
from threadpoolctl import threadpool_limits

from pipeline.core.batches import batches
from pipeline.core.fast.minibatches import Minibatches
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.fast.stack import descend, member, stack
from pipeline.core.initialisation import initialise
from pipeline.core.normalisation import METHODS
from pipeline.files.images import read_images

DIGITS, DIGIT_LABELS = PIXELS[:150].astype(np.uint8), LABELS[:150]
HIDDEN = [[20], [20, 15]]
UNEVEN_BATCH = 100  # does not divide 150: the last batch of an epoch has 50


@pytest.fixture(autouse=True)
def one_blas_thread():
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def some_networks(number, sizes, dtype):
    return [initialise(sizes, "he", 0.1, dtype, np.random.default_rng(seed)) for seed in range(number)]


def alpha_for(method, reduction, batch_size):
    """A learning rate at which the descent moves, but a ReLU switched on or off by rounding makes no difference."""
    alpha = 1e-6 if method == "none" else 0.005
    return alpha / batch_size if reduction == "sum" else alpha


def trained(networks, images, method, reduction, batch_size, alpha, updates, precision):
    """The losses and accuracies (updates + 1, K) along the way, and the networks at the end."""
    pixels, labels = images
    dtype = ARITHMETIC[precision].dtype
    source = Minibatches(pixels, labels, METHODS[method](pixels), precision, batch_size, np.random.default_rng(1))
    stacked, losses, accuracies = stack(networks), [], []
    for _ in range(updates):
        gradient, _, scores = source.loss_and_gradient(stacked, reduction)
        losses.append(scores.loss)
        accuracies.append(scores.accuracy)
        descend(stacked, gradient, np.full(len(networks), alpha, dtype))
    scores = source.loss_and_gradient(stacked, reduction).scores
    ended = [member(stacked, k) for k in range(len(networks))]
    return np.array([*losses, scores.loss]), np.array([*accuracies, scores.accuracy]), ended


def assert_agree(hidden, method, reduction, batch_size, precision, updates, tolerance):
    """Two networks trained at once pass through the same states as in the readable descent."""
    dtype = ARITHMETIC[precision].dtype
    networks = some_networks(2, [64, *hidden, 10], dtype)
    alpha = alpha_for(method, reduction, batch_size)
    images = (DIGITS, DIGIT_LABELS)
    losses, accuracies, ended = trained(networks, images, method, reduction, batch_size, alpha, updates, precision)
    x = METHODS[method](DIGITS).apply(DIGITS, dtype)
    for k, network in enumerate(networks):
        source = batches(x, DIGIT_LABELS, batch_size, np.random.default_rng(1))
        states = list(gradient_descent(network, source, alpha, updates, reduction))
        np.testing.assert_allclose(losses[:, k], [state.loss for state in states], rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(accuracies[:, k], [state.accuracy for state in states])
        assert_close(ended[k], states[-1].network, tolerance)
        assert (ended[k][0].weights != network[0].weights).any()


def assert_close(network, expected, tolerance):
    for layer, other in zip(network, expected, strict=True):
        for values, others in zip(layer, other, strict=True):
            assert values.dtype == others.dtype
            np.testing.assert_allclose(values, others, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("batch_size", "updates"), [(1, 300), (UNEVEN_BATCH, 4), (150, 2)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
def test_two_epochs_match_the_readable_descent(hidden, method, reduction, batch_size, updates):
    assert_agree(hidden, method, reduction, batch_size, "float64", updates, tolerance=1e-12)


@pytest.mark.parametrize("batch_size", [1, UNEVEN_BATCH, 150])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
@pytest.mark.parametrize("precision", ["portable", "float32"])
def test_ten_batches_match_the_readable_descent_in_other_precisions(hidden, method, reduction, batch_size, precision):
    assert_agree(hidden, method, reduction, batch_size, precision, updates=10, tolerance=1e-5)


def test_a_single_class_is_not_a_special_case():
    threes = (DIGITS[DIGIT_LABELS == 3], DIGIT_LABELS[DIGIT_LABELS == 3])
    networks = some_networks(2, [64, 20, 10], "float64")
    losses, accuracies, _ = trained(networks, threes, "standard", "mean", 10, 0.1, 2, "float64")
    x = METHODS["standard"](threes[0]).apply(threes[0], "float64")
    for k, network in enumerate(networks):
        source = batches(x, threes[1], 10, np.random.default_rng(1))
        states = list(gradient_descent(network, source, 0.1, 2, "mean"))
        np.testing.assert_allclose(losses[:, k], [state.loss for state in states], rtol=1e-12)
        np.testing.assert_array_equal(accuracies[:, k], [state.accuracy for state in states])


@cache
def images_of(source):
    """Pixels (n, d) and labels (n,): some digits, or some images of MNIST."""
    if source == "digits":
        return DIGITS, DIGIT_LABELS
    images = read_images(MNIST, "train")
    return images.pixels[:600].reshape(-1, 784), images.labels[:600]


def bits(source, networks, batch_size):
    """The bytes of each network after seven updates, and its losses along the way."""
    losses, _, ended = trained(networks, images_of(source), "standard", "mean", batch_size, 0.1, 7, "portable")
    parameters = [b"".join(values.tobytes() for layer in network for values in layer) for network in ended]
    return list(zip(parameters, losses.T.tolist(), strict=True))


@pytest.mark.parametrize("hidden", [[20], [20, 15], [3], [1], [20, 1], [20, 2]], ids=str)
@pytest.mark.parametrize(
    ("source", "batch_size"),
    [("digits", 1), ("digits", UNEVEN_BATCH), ("digits", 150), pytest.param("mnist", 128, marks=needs_mnist)],
)
def test_a_network_has_the_same_bits_in_any_stack(source, batch_size, hidden):
    networks = some_networks(16, [images_of(source)[0].shape[1], *hidden, 10], "float64")
    alone = [bits(source, [network], batch_size)[0] for network in networks]
    assert bits(source, networks[:2], batch_size) == alone[:2]
    assert bits(source, networks[9:4:-1], batch_size) == alone[9:4:-1]
    assert bits(source, networks, batch_size) == alone
