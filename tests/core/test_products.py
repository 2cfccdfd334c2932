"""The two products against the sums that they stand for, and to the last bit against themselves in another stack."""

import os
import platform
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from conftest import MNIST, needs_mnist
from numpy._core._multiarray_umath import __cpu_features__ as cpu_features
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.core.engine import Engine
from pipeline.core.initialisation import initialise
from pipeline.core.network import loss_and_gradient
from pipeline.core.normalisation import standard
from pipeline.core.products import Way, back, forward, way
from pipeline.core.stack import descend, member, stack
from pipeline.files.images import read_images

# Inputs, with the constant 1, and images: blocks and batches of digits, blocks of MNIST, and batches of it.
SHAPES = [(65, 722), (40, 899), (65, 100), (65, 37), (65, 1)]
SHAPES += [(60, 1024), (150, 991), (361, 991), (700, 1024), (785, 128), (785, 96)]
STACKS = [2, 5, 16]

# The instructions that a processor must have for it.
CORE_TYPES = {"SkylakeX": "AVX512_SKX", "Haswell": "AVX2", "Zen": "AVX2"}

EACH_DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(autouse=True)
def one_blas_thread():
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def factors(networks, units, shape, dtype, seed=7):
    """Inputs (c, m), weights (c, K, H), and a gradient at the values (K, H, m)."""
    rng = np.random.default_rng(seed)
    shapes = (shape, (shape[0], networks, units), (networks, units, shape[1]))
    return [rng.standard_normal(each).astype(dtype) for each in shapes]


def products(inputs, weights, delta, ways):
    """Both products, each on its way."""
    values, slopes = np.full_like(delta, np.nan), np.full_like(weights, np.nan)
    forward(weights, inputs, values, ways.forward)
    back(inputs, delta, slopes, ways.back)
    return values, slopes


@EACH_DTYPE
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("shape", [(65, 37), (361, 991), (785, 128)], ids=str)
def test_both_ways_are_the_sums_that_they_stand_for(shape, together, dtype):
    inputs, weights, delta = factors(5, 20, shape, dtype)
    values, slopes = products(inputs, weights, delta, Way(together, together))
    tolerance = {"float32": 1e-3, "float64": 1e-11}[dtype]
    x, w, d = (array.astype("float64") for array in (inputs, weights, delta))
    np.testing.assert_allclose(values, np.einsum("ckh,cm->khm", w, x), rtol=0, atol=tolerance)
    np.testing.assert_allclose(slopes, np.einsum("cm,khm->ckh", x, d), rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_network_goes_the_way_of_one_product(shape):
    assert way(1, 20, *shape, "float32") == Way(True, True)


@EACH_DTYPE
@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_a_trial_finds_equal_is_equal_for_other_numbers(shape, networks, dtype):
    found = way(networks, 20, *shape, dtype)
    for seed in range(2):
        numbers = factors(networks, 20, shape, dtype, seed)
        one_by_one = products(*numbers, Way(False, False))
        for product, expected in zip(products(*numbers, found), one_by_one, strict=True):
            np.testing.assert_array_equal(product, expected)


@EACH_DTYPE
@pytest.mark.parametrize("units", [5, 9, 13])
@pytest.mark.parametrize("shape", [(33, 90), (61, 128), (65, 37), (65, 100), (65, 722)], ids=str)
def test_a_trial_is_no_matter_of_luck_where_the_ways_differ_in_a_few_numbers(shape, units, dtype):
    found = way(2, units, *shape, dtype)
    for seed in range(12):
        numbers = factors(2, units, shape, dtype, seed)
        one_by_one = products(*numbers, Way(False, False))
        for product, expected in zip(products(*numbers, found), one_by_one, strict=True):
            np.testing.assert_array_equal(product, expected)


@EACH_DTYPE
@pytest.mark.parametrize("units", [1, 3, 5, 20])
@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_network_has_the_bits_that_it_has_alone(shape, networks, units, dtype):
    inputs, weights, delta = factors(networks, units, shape, dtype)
    values, slopes = products(inputs, weights, delta, way(networks, units, *shape, dtype))
    for k in range(networks):
        own = (np.ascontiguousarray(weights[:, k : k + 1]), delta[k : k + 1])
        values_alone, slopes_alone = products(inputs, *own, way(1, units, *shape, dtype))
        np.testing.assert_array_equal(values[k], values_alone[0])
        np.testing.assert_array_equal(slopes[:, k], slopes_alone[:, 0])


@cache
def images_of(source):
    """Pixels (n, d) and labels (n,): the digits, or so many zeros, ones and twos of MNIST that each is a group."""
    if source == "digits":
        from real_digits import LABELS, PIXELS  # here, as it takes seconds and other processes do without

        return PIXELS.astype(np.uint8), LABELS
    images = read_images(MNIST, "train")
    chosen = np.flatnonzero(images.labels < 3)[::5]
    return images.pixels[chosen].reshape(-1, 784), images.labels[chosen]


def trained(engine, networks):
    """The bytes of each network after two updates, and those of its losses on the way."""
    stacked, losses = stack(networks), []
    for _ in range(2):
        scores, gradient = engine.loss_and_gradient(stacked, "mean")
        losses.append(scores.loss)
        descend(stacked, gradient, np.full(len(networks), 0.3, stacked[0].dtype))
    ended = [member(stacked, k) for k in range(len(networks))]
    parameters = [b"".join(values.tobytes() for layer in network for values in layer) for network in ended]
    return list(zip(parameters, np.transpose(losses).tolist(), strict=True))


def assert_the_same_bits_in_any_stack(pixels, labels, hidden, dtype):
    sizes = [pixels.shape[1], *hidden, 10]
    networks = [initialise(sizes, "he", 0.1, dtype, np.random.default_rng(seed)) for seed in range(16)]
    engines = [Engine(pixels, labels, standard(pixels), dtype, threads) for threads in (1, 2)]
    alone = [trained(engines[0], [network])[0] for network in networks]
    for engine in engines:
        assert trained(engine, networks[3:4]) == alone[3:4]
        assert trained(engine, networks[:2]) == alone[:2]
        assert trained(engine, networks[9:4:-1]) == alone[9:4:-1]
        assert trained(engine, networks) == alone


@EACH_DTYPE
@pytest.mark.parametrize("hidden", [[20], [20, 15], [3], [1], [20, 1]], ids=str)
def test_a_training_has_the_same_bits_in_any_stack(hidden, dtype):
    assert_the_same_bits_in_any_stack(*images_of("digits"), hidden, dtype)


@needs_mnist
def test_on_mnist_a_training_has_the_same_bits_in_any_stack():
    assert_the_same_bits_in_any_stack(*images_of("mnist"), [20], "float32")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_sums_over_many_groups_are_those_of_the_readable_network(threads):
    pixels, labels = (np.concatenate([values] * 4) for values in images_of("digits"))
    networks = [initialise([64, 20, 15, 10], "he", 0.1, "float64", np.random.default_rng(seed)) for seed in range(2)]
    engine = Engine(pixels, labels, standard(pixels), "float64", threads)
    assert len(engine.shares) > 1
    found = engine.loss_and_gradient(stack(networks), "mean")
    for k, network in enumerate(networks):
        expected = loss_and_gradient(network, standard(pixels).apply(pixels, "float64"), labels)
        assert found.scores.loss[k] == pytest.approx(expected.loss, rel=1e-12)
        assert found.scores.accuracy[k] == expected.accuracy
        for layer, other in zip(member(found.gradient, k), expected.gradient, strict=True):
            np.testing.assert_allclose(layer.weights, other.weights, rtol=0, atol=1e-12)
            np.testing.assert_allclose(layer.bias, other.bias, rtol=0, atol=1e-12)


def core_types():
    """What the BLAS of this process takes the processor for."""
    return sorted({pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"})


def check_in_this_process(*files):
    """What the next test runs in a process of its own."""
    for file in files:
        with np.load(file) as images, threadpool_limits(limits=1, user_api="blas"):
            assert_the_same_bits_in_any_stack(images["pixels"], images["labels"], [20], "float32")
    print(*core_types())


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not core_types(),
    reason="another processor or BLAS, which has not these core types",
)
@pytest.mark.parametrize("core_type", CORE_TYPES)
def test_a_training_has_the_same_bits_in_any_stack_on_other_processors(core_type, tmp_path):
    if not cpu_features[CORE_TYPES[core_type]]:
        pytest.skip(f"this processor has no {CORE_TYPES[core_type]}, so {core_type} can't run on it")
    files = [f"{source}.npz" for source in (["digits", "mnist"] if MNIST.is_dir() else ["digits"])]
    for file in files:
        pixels, labels = images_of(file.removesuffix(".npz"))
        np.savez(tmp_path / file, pixels=pixels, labels=labels)
    done = subprocess.run(
        [sys.executable, "-c", f"import test_products; test_products.check_in_this_process(*{files})"],
        cwd=tmp_path,
        env={
            **os.environ,
            "OPENBLAS_CORETYPE": core_type,
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    # NumPy's BLAS has one set of products for Zen and Haswell, and calls both so.
    assert done.stdout.split() in ([core_type], ["Haswell" if core_type == "Zen" else core_type])
