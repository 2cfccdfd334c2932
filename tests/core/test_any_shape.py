"""The engine on any images and networks: as the readable network, and the same bits in any stack."""

import numpy as np
import pytest
from any_network import examples, images, networks
from error_bounds import exactly, loss_and_gradient
from hypothesis import given
from hypothesis import strategies as st
from real_digits import AFFINE, LABELS, PIXELS, untrained

from pipeline.core import network as readable
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.minibatches import Minibatches
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.fast.stack import member, stack
from pipeline.core.initialisation import initialise
from pipeline.core.network import Layer

REDUCTIONS = st.sampled_from(["mean", "sum"])
LARGEST_LOSS = np.finfo(np.float32).max  # of a training that has not diverged


def engine_for(some, precision):
    return Engine(some.pixels, some.labels, some.affine, precision, threads=1)


def batches_of(some, precision, batch_size):
    return Minibatches(some.pixels, some.labels, some.affine, precision, batch_size, np.random.default_rng(0))


def assert_within(bounds, passes, k):
    """Check the k-th network of a pass; if its loss is not finite or too large, the pass must say so, and only then."""
    loss = bounds.loss.value
    if not loss + bounds.loss.error <= LARGEST_LOSS:
        assert not passes.is_finite[k] or loss - bounds.loss.error <= LARGEST_LOSS
        return
    assert passes.is_finite[k]
    assert bounds.loss.holds(passes.scores.loss[k])
    assert bounds.accuracy.holds(passes.scores.accuracy[k])
    for near, found in zip(bounds.gradient, member(passes.gradient, k), strict=True):
        assert near[0].holds(found.weights)
        assert near[1].holds(found.bias)


@examples(1 / 2)
@given(st.data(), images(), st.sampled_from(list(ARITHMETIC)), REDUCTIONS, st.integers(1, 5))
def test_the_engine_is_the_readable_network_within_the_rounding_errors(data, some, precision, reduction, count):
    stacked = data.draw(networks(some, precision, count))
    engine = engine_for(some, precision)
    with np.errstate(all="ignore"):
        passes, measured = engine.loss_and_gradient(stack(stacked), reduction), engine.measure(stack(stacked))
        for k, network in enumerate(stacked):
            bounds = loss_and_gradient(exactly(network), some[:2], some.affine, reduction, precision)
            assert_within(bounds, passes, k)
    np.testing.assert_array_equal(measured, passes.scores)


@examples(1 / 2)
@given(st.data(), images(), st.sampled_from(list(ARITHMETIC)), REDUCTIONS, st.integers(1, 3), st.integers(1, 50))
def test_minibatches_are_the_readable_network_within_the_rounding_errors(
    data, some, precision, reduction, count, batch_size
):
    stacked = data.draw(networks(some, precision, count))
    source = batches_of(some, precision, batch_size)
    order = np.random.default_rng(0).permutation(len(some.labels))
    with np.errstate(all="ignore"):
        for start in range(0, len(order), batch_size)[:2]:
            batch = [values[order[start : start + batch_size]] for values in some[:2]]
            passes = source.loss_and_gradient(stack(stacked), reduction)
            for k, network in enumerate(stacked):
                bounds = loss_and_gradient(exactly(network), batch, some.affine, reduction, precision, batch_size)
                assert_within(bounds, passes, k)


@examples(1 / 4)
@given(st.data(), images(), REDUCTIONS, st.integers(2, 5), st.integers(1, 50))
def test_a_network_has_the_same_bits_in_a_stack_as_alone(data, some, reduction, count, batch_size):
    several = data.draw(networks(some, "portable", count))
    engine = engine_for(some, "portable")

    def on_a_batch(stacked):
        return batches_of(some, "portable", batch_size).loss_and_gradient(stacked, reduction)

    with np.errstate(all="ignore"):
        for evaluate in (lambda stacked: engine.loss_and_gradient(stacked, reduction), on_a_batch):
            together = evaluate(stack(several))
            for k, network in enumerate(several):
                assert bits_of(together, k) == bits_of(evaluate(stack([network])), 0)


def bits_of(passes, k):
    """The bytes of the k-th network's scores and gradient."""
    scores = [values[k].tobytes() for values in passes.scores]
    return [*scores, *(values.tobytes() for layer in member(passes.gradient, k) for values in layer)]


@examples(1)
@given(images(), st.sampled_from(["float32", "float64"]))
def test_a_normalisation_can_be_undone(some, dtype):
    shift, scale = some.affine
    x = some.affine.apply(some.pixels, dtype)
    np.testing.assert_array_equal(np.rint(x * scale + shift), some.pixels)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_bounds_surround_the_readable_gradient_closely(reduction):
    network = untrained(dtype="float64")
    pixels, labels = PIXELS[::40].astype(np.uint8), LABELS[::40]
    expected = readable.loss_and_gradient(network, AFFINE.apply(pixels, "float64"), labels, reduction)
    bounds = loss_and_gradient(exactly(network), (pixels, labels), AFFINE, reduction, "float64")
    assert (bounds.loss.value, bounds.accuracy.value) == (expected.loss, expected.accuracy)
    for near, layer in zip(bounds.gradient, expected.gradient, strict=True):
        for slopes, exact in zip(near, layer, strict=True):
            np.testing.assert_allclose(slopes.value, exact, rtol=1e-12, atol=1e-12)
            assert slopes.error.max() < 1e-8 * np.abs(exact).max()


def test_a_tie_is_broken_alike_beside_a_network_that_is_not_finite():
    tied = initialise([64, 3, 2], "zeros", 1.0, "float64", np.random.default_rng(0))
    lost = tuple(Layer(np.nan * layer.weights, layer.bias) for layer in tied)
    engine = Engine(PIXELS[:20].astype(np.uint8), np.ones(20, int), AFFINE, "portable", threads=1)
    with np.errstate(invalid="ignore"):
        assert engine.measure(stack([tied, lost])).accuracy[0] == engine.measure(stack([tied])).accuracy[0] == 0
