"""Whole trainings of any shape, a few iterations long: their outcomes, their histories, and what the doctor says."""

import numpy as np
from any_network import assert_sane, examples, images, networks
from error_bounds import Rounding, exactly, loss_and_gradient, updated
from hypothesis import given
from hypothesis import strategies as st
from plain import assert_same

from pipeline.core.arrays import Samples
from pipeline.core.descent import train
from pipeline.core.diagnosis.examiner import Examiner
from pipeline.core.diagnosis.gradient_check import CodeCheck
from pipeline.core.diagnosis.setup import Setup
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.initialisation import SCHEMES
from pipeline.core.normalisation import METHODS
from pipeline.core.training import Trajectory

LARGEST_LOSS = np.finfo(np.float32).max
REDUCTIONS = st.sampled_from(["mean", "sum"])
ALPHAS = st.sampled_from([5e-324, 1e-30, 1e-3, 0.1, 1.0, 1e3, 1e30, 1e300, np.finfo(np.float64).max])
ENDS = st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True).map(sorted)


class Problem:
    """Images to train on, the first of which validate, and trajectories."""

    def __init__(self, draw, precision):
        self.some, self.precision, self.reduction = draw(images()), precision, draw(REDUCTIONS)
        pixels, labels, _ = self.some
        self.training, self.validation = (pixels, labels), (pixels[:3], labels[:3])
        stacked = draw(networks(self.some, precision, draw(st.integers(1, 3))))
        self.trajectories = [Trajectory(network, draw(ALPHAS), draw(ENDS)) for network in stacked]
        self.engine, self.validating = (
            Engine(*part, self.some.affine, precision, threads=1) for part in (self.training, self.validation)
        )
        self.examiner = Examiner(
            CodeCheck([], False, 0.0),
            self.normalised(self.training, self.some.method),
            self.normalised(self.validation, self.some.method),
            labels,
            self.some.sizes[1],
            None,
            precision,
            lambda method: self.normalised(self.training, method),
        )

    def normalised(self, part, method):
        pixels, labels = part
        affine = METHODS[method](self.some.pixels)
        return Samples(affine.apply(pixels, ARITHMETIC[self.precision].dtype), labels)

    def train(self, trajectories):
        return train(
            trajectories,
            lambda stacked, scored: self.engine.loss_and_gradient(stacked, self.reduction, scored),
            self.validating.measure,
            self.examiner.examine,
            lambda _iteration, _rows: None,
        )

    def readable(self, trajectory):
        """The states of the readable descent: the network, and passes over the training and the validation images."""
        network, how = exactly(trajectory.untrained), (self.some.affine, self.reduction, self.precision)
        for _ in range(trajectory.ends[-1] + 1):
            seen = loss_and_gradient(network, self.training, *how)
            yield network, seen, loss_and_gradient(network, self.validation, *how)
            network = updated(network, seen.gradient, trajectory.alpha, Rounding(self.precision))


@examples(1 / 4)
@given(st.data(), st.sampled_from(["portable", "float64"]))
def test_trainings_are_the_readable_descent_within_the_rounding_errors(data, precision):
    problem = Problem(data.draw, precision)
    for trajectory, trainings in zip(problem.trajectories, problem.train(problem.trajectories), strict=True):
        with np.errstate(all="ignore"):
            states = list(problem.readable(trajectory))
            for end, training in zip(trajectory.ends, trainings, strict=True):
                assert_follows(training, states[: end + 1])


def assert_follows(training, states):
    """Check a training as far as the bounds tell whether it diverges."""
    for iteration, (network, seen, validated) in enumerate(states):
        if seen.loss.value - seen.loss.error > LARGEST_LOSS or np.isnan(seen.loss.value):
            assert (training.diverged, training.iterations) == (True, iteration)
            return
        if not may_go_on(network, seen, validated):
            return
        row = training.history[iteration]
        assert row.iteration == iteration
        assert seen.loss.holds(row.loss)
        assert seen.accuracy.holds(row.accuracy)
        assert validated.loss.holds(row.validation_loss)
        assert validated.accuracy.holds(row.validation_accuracy)
    assert not training.diverged
    for near, found in zip(network, training.network, strict=True):
        assert near[0].holds(found.weights)
        assert near[1].holds(found.bias)


def may_go_on(network, seen, validated):
    """Whether a network is certain to be recorded."""
    sizes = [parameters.size for layer in network for parameters in layer]
    certain = all(np.isfinite(size).all() for size in [*sizes, validated.loss.size])
    return certain and seen.loss.size <= LARGEST_LOSS


@examples(1 / 5)
@given(st.data())
def test_each_of_a_trajectorys_ends_is_a_training_of_its_own(data):
    problem = Problem(data.draw, "portable")
    for trajectory, trainings in zip(problem.trajectories, problem.train(problem.trajectories), strict=True):
        for end, training in zip(trajectory.ends, trainings, strict=True):
            [[alone]] = problem.train([trajectory._replace(ends=[end])])
            assert_same(training, alone)


@examples(1 / 5)
@given(st.data(), st.sampled_from(list(ARITHMETIC)), st.sampled_from(list(SCHEMES)))
def test_the_doctor_has_a_sane_diagnosis_of_every_training(data, precision, scheme):
    problem = Problem(data.draw, precision)
    [trajectory, *_] = problem.trajectories
    hidden = [len(layer.bias) for layer in trajectory.untrained[:-1]]
    init_scale, batch_size = data.draw(st.sampled_from([5e-324, 1e-3, 10.0])), data.draw(st.sampled_from([None, 1, 7]))
    start = (problem.some.method, scheme, init_scale, hidden, problem.reduction, batch_size)
    for end, training in zip(trajectory.ends, problem.train([trajectory])[0], strict=True):
        setup = Setup(*start, trajectory.alpha, end)
        assert_sane(problem.examiner.diagnose(setup, trajectory.untrained, training), setup)
