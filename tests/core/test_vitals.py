"""The vital signs of a network, worked by hand."""

import numpy as np
import pytest
from real_digits import train_digits

from pipeline.core.network import Layer
from pipeline.core.training import is_examined
from pipeline.core.vitals import Signs, signs_of

# Of the two hidden units, the second is off for every image; of the four images, one is predicted as class 1.
NET = (
    Layer(np.array([[1.0, -1.0]]), np.array([0.0, -1.0])),
    Layer(np.array([[2.0, -2.0], [1.0, 1.0]]), np.array([-3.0, 0.0])),
)
X = np.array([[1.0], [2.0], [3.0], [0.5]])
GRADIENT = (Layer(np.array([[3.0, 0.0]]), np.array([0.0, 4.0])), Layer(np.zeros((2, 2)), np.zeros(2)))


def test_the_signs_match_those_worked_by_hand():
    # Hidden values 1, 2, 3, 0.5; logits (2h - 3, -2h): (-1, -2), (1, -4), (3, -6), (-2, -1).
    found = signs_of(NET, GRADIENT, 0.1, X, None, "float64")
    assert found.largest_logit == 6
    assert found.prediction_entropy == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert found.dead_units == (0.5,)
    assert found.gradient_norm == (5.0, 0.0)
    assert found.update_ratio == pytest.approx((0.5 / np.sqrt(3), 0.0))


def test_the_update_ratio_of_zero_parameters_is_infinite_or_zero():
    zeros = tuple(Layer(0 * layer.weights, 0 * layer.bias) for layer in NET)
    assert signs_of(zeros, GRADIENT, 0.1, X, None, "float64").update_ratio == (np.inf, 0.0)


def test_the_norm_of_huge_numbers_does_not_overflow():
    huge = tuple(Layer(np.float32(1e30) * layer.weights.astype("f4"), layer.bias) for layer in GRADIENT)
    assert np.isfinite(signs_of(NET, huge, 0.1, X, None, "float64").gradient_norm).all()


def test_signs_round_trip_through_flat_names():
    signs = Signs(1.0, 2.0, (0.1, 0.2), (3.0, 4.0, 5.0), (6.0, 7.0, 8.0))
    assert signs.flat()["dead_units_2"] == 0.2
    assert signs.flat()["update_ratio_3"] == 8.0
    assert Signs.from_flat(signs.flat()) == signs


@pytest.mark.parametrize(
    ("iteration", "examined"), [(0, True), (9, True), (10, True), (15, False), (90, True), (110, False), (2000, True)]
)
def test_iterations_with_one_significant_digit_are_examined(iteration, examined):
    assert is_examined(iteration) is examined


@pytest.mark.parametrize(("iterations", "last"), [(25, 25), (100, 100)])
def test_a_training_is_examined_from_its_first_to_its_last_row(iterations, last):
    vitals = train_digits(iterations=iterations).vitals
    assert [row.iteration for row in vitals] == [*(n for n in range(iterations) if is_examined(n)), last]


def test_the_loss_is_relative_to_the_untrained_network():
    training = train_digits(iterations=20)
    assert training.vitals[0].loss_to_start == 1
    assert training.vitals[-1].loss_to_start == training.history[-1].loss / training.history[0].loss


def test_a_diverged_training_is_examined_in_its_last_row():
    training = train_digits(alpha=20.0, iterations=100)
    assert training.diverged
    assert training.vitals[-1].iteration == training.history[-1].iteration
