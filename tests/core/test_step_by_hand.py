"""One step of gradient descent, worked by hand: a network of 2 inputs, 2 ReLUs and 2 classes, and two samples.

    X = [1 2]   labels 0, 1    W1 = [1  1]   b1 = [0 0]    W2 = [1 -1]   b2 = [ln 3 - 1   1]
        [2 1]                       [0 -1]                      [0  2]

Forward.  X W1 + b1 = [1  1-2] = [1 -1]    The ReLU takes the -1 to 0:   A = [1 0]
                      [2  2-1]   [2  1]                                      [2 1]

    First sample:  logits = 1 (1, -1)            + b2 = (ln 3, 0)
    Second sample: logits = 2 (1, -1) + 1 (0, 2) + b2 = (ln 3 + 1, 1)

    In both, the first logit is ln 3 above the second, so the odds are 3 to 1: P = (3/4, 1/4).

Loss.  The correct classes have probabilities 3/4 and 1/4: (-ln(3/4) - ln(1/4)) / 2 = ln(16/3) / 2.
    Class 0 is predicted for both, which is right once: the accuracy is 1/2.

Backward.  D2 = (P - Y) / 2 = [-1/4  1/4] / 2 = [-1/8  1/8]
                              [ 3/4 -3/4]       [ 3/8 -3/8]

    dW2 = A^T D2:  row 1 = 1 (-1/8, 1/8) + 2 (3/8, -3/8) = (5/8, -5/8)
                   row 2 = 0 (-1/8, 1/8) + 1 (3/8, -3/8) = (3/8, -3/8)
    db2 = sum of D2's rows = (1/4, -1/4)

    dA = D2 W2^T:  row 1 = (-1/8 - 1/8,  2/8) = (-1/4,  1/4)
                   row 2 = ( 3/8 + 3/8, -6/8) = ( 3/4, -3/4)

    The first sample's second ReLU was off and passes nothing back:  D1 = [-1/4    0]
                                                                          [ 3/4 -3/4]

    dW1 = X^T D1:  row 1 = 1 (-1/4, 0) + 2 (3/4, -3/4) = (5/4, -3/2)
                   row 2 = 2 (-1/4, 0) + 1 (3/4, -3/4) = (1/4, -3/4)
    db1 = sum of D1's rows = (1/2, -3/4)

Update.  With alpha = 1/4, a quarter of each is subtracted. The loss falls by about half.
"""

import numpy as np
import pytest
from textbook import gradient_descent

from pipeline.core.network import Layer, loss_and_gradient

X = np.array([[1.0, 2.0], [2.0, 1.0]])
LABELS = np.array([0, 1])

NETWORK = (
    Layer(weights=np.array([[1.0, 1.0], [0.0, -1.0]]), bias=np.array([0.0, 0.0])),
    Layer(weights=np.array([[1.0, -1.0], [0.0, 2.0]]), bias=np.array([np.log(3) - 1, 1.0])),
)
GRADIENT = (
    Layer(weights=np.array([[5 / 4, -3 / 2], [1 / 4, -3 / 4]]), bias=np.array([1 / 2, -3 / 4])),
    Layer(weights=np.array([[5 / 8, -5 / 8], [3 / 8, -3 / 8]]), bias=np.array([1 / 4, -1 / 4])),
)
AFTER_ONE_UPDATE = (
    Layer(weights=np.array([[11 / 16, 11 / 8], [-1 / 16, -13 / 16]]), bias=np.array([-1 / 8, 3 / 16])),
    Layer(weights=np.array([[27 / 32, -27 / 32], [-3 / 32, 67 / 32]]), bias=np.array([np.log(3) - 17 / 16, 17 / 16])),
)


def assert_equal_to_rounding(network, expected):
    for layer, by_hand in zip(network, expected, strict=True):
        np.testing.assert_allclose(layer.weights, by_hand.weights, rtol=0, atol=1e-15)
        np.testing.assert_allclose(layer.bias, by_hand.bias, rtol=0, atol=1e-15)


def test_the_loss_and_the_accuracy_match_those_worked_by_hand():
    found = loss_and_gradient(NETWORK, X, LABELS)
    assert found.loss == pytest.approx(np.log(16 / 3) / 2, rel=1e-15)
    assert found.accuracy == 1 / 2


def test_the_gradient_matches_the_one_worked_by_hand():
    assert_equal_to_rounding(loss_and_gradient(NETWORK, X, LABELS).gradient, GRADIENT)


def test_the_gradient_of_the_sum_is_twice_that_of_the_mean_of_two_samples():
    twice = tuple(Layer(2 * slope.weights, 2 * slope.bias) for slope in GRADIENT)
    assert_equal_to_rounding(loss_and_gradient(NETWORK, X, LABELS, "sum").gradient, twice)


def test_the_updated_parameters_match_those_worked_by_hand():
    same_batch_twice = iter([(X, LABELS), (X, LABELS)])
    before, after = gradient_descent(NETWORK, same_batch_twice, alpha=0.25, iterations=1, reduction="mean")
    assert (before.iteration, after.iteration) == (0, 1)
    assert before.loss == pytest.approx(np.log(16 / 3) / 2, rel=1e-15)
    assert_equal_to_rounding(after.network, AFTER_ONE_UPDATE)
    assert after.loss == pytest.approx(0.436, abs=5e-4)
