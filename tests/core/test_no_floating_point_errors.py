"""Healthy trainings divide by no 0, overflow nowhere and make no NaN, though the engine would not warn of it.

Numbers may underflow, but only those that NumPy's `exp` makes: the probability of a class that an image certainly does
not belong to is 0 to any precision. Portable precision has an `exp` of its own, which never underflows.
"""

from contextlib import nullcontext

import numpy as np
import pytest
from real_digits import LABELS, PIXELS

from pipeline.core.arrays import Samples
from pipeline.core.descent import train
from pipeline.core.diagnosis.examiner import Examiner
from pipeline.core.diagnosis.gradient_check import CodeCheck
from pipeline.core.diagnosis.setup import Setup
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.minibatches import Minibatches
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.initialisation import SCHEMES, initialise
from pipeline.core.normalisation import METHODS
from pipeline.core.training import Trajectory

TRAINING, VALIDATION = (
    (PIXELS[chosen].astype(np.uint8), LABELS[chosen]) for chosen in (slice(0, 1500, 15), slice(1500, 1550))
)
ITERATIONS = 6


@pytest.fixture
def strict(monkeypatch):
    """Let every floating-point error raise, even in code that ignores some of them."""
    monkeypatch.setattr(np, "errstate", lambda **_: nullcontext())
    before = np.seterr(all="raise")
    yield
    np.seterr(**before)


def alpha_for(method, reduction, batch_size):
    """A learning rate that suits the size of the inputs and of the gradients."""
    x = METHODS[method](TRAINING[0]).apply(TRAINING[0], "float64")
    alpha = 0.1 / max(1.0, float(np.square(x).mean()))
    return alpha if reduction == "mean" else alpha / (batch_size or len(x))


def examined(method, precision):
    """Images as input to a network, and what examines it."""
    affine = METHODS[method](TRAINING[0])
    samples = [Samples(affine.apply(part[0], ARITHMETIC[precision].dtype), part[1]) for part in (TRAINING, VALIDATION)]
    return Examiner(CodeCheck([], False, 0.0), *samples, TRAINING[1], 10, None, precision, lambda _: samples[0])


def trained(hidden, method, reduction, precision, batch_size, alpha):
    """A stack of one network for each initialisation, before and after a training."""
    affine, dtype = METHODS[method](TRAINING[0]), ARITHMETIC[precision].dtype
    networks = [initialise([64, *hidden, 10], scheme, 0.1, dtype, np.random.default_rng(0)) for scheme in SCHEMES]
    engine, validating = (Engine(*part, affine, precision, threads=1) for part in (TRAINING, VALIDATION))
    rng = np.random.default_rng(1)
    source = Minibatches(*TRAINING, affine, precision, batch_size, rng) if batch_size else engine
    trainings = train(
        [Trajectory(network, alpha, [ITERATIONS]) for network in networks],
        lambda stacked, scored: source.loss_and_gradient(stacked, reduction, scored),
        validating.measure,
        examined(method, precision).examine,
        lambda _iteration, _rows: None,
    )
    return zip(networks, [training for [training] in trainings], strict=True)


@pytest.mark.filterwarnings("error")  # for the thread that fetches minibatches, where NumPy would only warn
@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("batch_size", [None, 30])
@pytest.mark.parametrize("precision", ARITHMETIC)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("hidden", "reduction"), [([20], "mean"), ([20, 12], "mean"), ([20], "sum")])
def test_healthy_trainings_make_no_floating_point_error(hidden, reduction, method, precision, batch_size):
    if precision != "portable":
        np.seterr(under="ignore")
    alpha = alpha_for(method, reduction, batch_size)
    for _, training in trained(hidden, method, reduction, precision, batch_size, alpha):
        assert not training.diverged


@pytest.mark.usefixtures("strict")
def test_a_diverging_training_would_raise_here():
    with pytest.raises(FloatingPointError):
        trained([20], "standard", "mean", "portable", None, 1e200)


@pytest.mark.parametrize("method", METHODS)
def test_a_diagnosis_of_healthy_trainings_makes_no_floating_point_error(method):
    alpha = alpha_for(method, "mean", None)
    setup = Setup(method, "he", 0.1, [20], "mean", 30, alpha, ITERATIONS)
    examiner = examined(method, "portable")
    for untrained, training in trained([20], method, "mean", "portable", None, alpha):
        with np.errstate(divide="raise", over="raise", invalid="raise"):
            assert examiner.diagnose(setup, untrained, training).outcome != "diverged"
