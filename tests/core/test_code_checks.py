"""Checking a network's code finds each mistake by what the functions do, for any sizes, and raises no false alarm."""

from typing import get_args

import numpy as np
import pytest
from real_digits import AFFINE, PARTS, PIXELS, samples

from pipeline.core import faults
from pipeline.core.arrays import Samples
from pipeline.core.diagnosis.gradient_check import check_code
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.fast.stack import member, stack
from pipeline.core.faults import Fault
from pipeline.core.network import in_precision
from pipeline.core.normalisation import Affine

X, LABELS = samples("train", "float64")
SIZES = [(64, 20, 10), (64, 10, 10), (64, 16, 12, 10)]
NARROW = (64, *12 * [2], 10)  # most of its layers are dead, so almost no error propagates back


FEW = Samples(X[::90] / X.max(), LABELS[::90])
FEW_PIXELS = PIXELS[PARTS["train"]][::90].astype(np.uint8)
FEW_AFFINE = Affine(AFFINE.shift, AFFINE.scale * X.max())


def gradient_by(reduction, fault=None, precision="float64"):
    """The gradient function that trains with these settings, on the few samples."""
    if fault is not None:
        return lambda network: faults.loss_and_gradient(network, *FEW, reduction, fault, precision).gradient
    engine = Engine(FEW_PIXELS, FEW.labels, FEW_AFFINE, precision, threads=1)

    def gradient_of(network):
        stacked = stack([in_precision(network, ARITHMETIC[precision].dtype)])
        return member(engine.loss_and_gradient(stacked, reduction).gradient, 0)

    return gradient_of


def checked(sizes, reduction, fault=None, precision="float64"):
    return check_code(sizes, reduction, fault, FEW, gradient_by(reduction, fault, precision))


CAUSES = {
    "softmax_over_samples": ["softmax_over_samples"],
    "softmax_unshifted": [],
    "gradient_sign": ["gradient_sign"],
    "gradient_without_mean": ["gradient_scale"],
    "relu_mask_missing": ["activation_derivative"],
    "transposed_product": ["error_not_carried"],
}


def causes(check):
    return list(dict.fromkeys(finding.cause for finding in check.findings))


@pytest.mark.parametrize("sizes", [*SIZES, NARROW], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("precision", "error"), [("float64", 1e-6), ("portable", 5e-5), ("float32", 5e-5)])
def test_the_training_code_has_no_mistake(precision, error, sizes, reduction):
    check = checked(sizes, reduction, precision=precision)
    assert check.findings == []
    assert check.error < error
    assert not check.overflows


@pytest.mark.parametrize("place", range(4))
def test_a_mistake_in_the_training_code_is_located(place):
    right = gradient_by("mean")

    def wrong(network):
        arrays = [array for layer in right(network) for array in layer]
        arrays[place] = 2 * arrays[place]
        return tuple(type(network[0])(*pair) for pair in zip(arrays[::2], arrays[1::2], strict=True))

    [finding] = check_code((64, 20, 10), "mean", None, FEW, wrong).findings
    assert (finding.cause, finding.where) == ("gradient_scale", ["W1", "b1", "W2", "b2"][place])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("fault", get_args(Fault))
@pytest.mark.parametrize("precision", ["portable", "float32"])
def test_each_fault_is_diagnosed(precision, sizes, fault):
    check = checked(sizes, "mean", fault, precision)
    assert causes(check) == CAUSES[fault]
    assert check.overflows == (fault in ("softmax_over_samples", "softmax_unshifted"))


def test_a_missing_mean_scales_the_gradient_by_the_number_of_samples():
    [finding] = checked((64, 20, 10), "mean", "gradient_without_mean").findings
    assert f"{len(FEW.labels)} times" in finding.evidence


def test_a_summed_gradient_is_correct_for_a_summed_loss():
    assert checked((64, 20, 10), "sum", "gradient_without_mean").findings == []
