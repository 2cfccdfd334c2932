"""The curvature of a loss, compared with the Hessian itself."""

import numpy as np
import pytest
from real_digits import samples, untrained

from pipeline.core.arrays import Samples
from pipeline.core.diagnosis import curvature
from pipeline.core.diagnosis.curvature import Curvature, flat, largest_eigenvalue, like, stable_alpha
from pipeline.core.network import Layer, loss_and_gradient

RNG = np.random.default_rng(0)
X, LABELS = samples("validation", "float64")


def gradient_of(network):
    return loss_and_gradient(network, X, LABELS).gradient


def with_eigenvalues(values):
    basis, _ = np.linalg.qr(RNG.standard_normal((len(values), len(values))))
    return basis @ np.diag(values) @ basis.T


@pytest.mark.parametrize("values", [[1, 2, 3, 9], [-9, 1, 2, 5], [-5, 0, 0, 5], [4, 4, 4, 4]])
def test_the_largest_eigenvalue_of_a_small_matrix_is_exact(values):
    matrix = with_eigenvalues(values)
    assert largest_eigenvalue(lambda v: matrix @ v, RNG.standard_normal(4)) == pytest.approx(max(values))


def test_opposite_eigenvalues_do_not_confuse_it():
    # Power iteration would alternate between them.
    matrix = with_eigenvalues([-10, 10, *RNG.uniform(-1, 1, 98)])
    assert largest_eigenvalue(lambda v: matrix @ v, RNG.standard_normal(100)) == pytest.approx(10, rel=1e-3)


def test_descent_on_a_quadratic_is_stable_just_below_two_over_the_curvature():
    matrix = with_eigenvalues([0.5, 1, 4])
    start = (Layer(np.ones((2, 1)), np.ones(1)),)
    alpha = stable_alpha(start, lambda there: like(there, matrix @ flat(there)))
    assert alpha == pytest.approx(2 / 4)
    for factor, ends_small in ((0.99, True), (1.01, False)):
        there = flat(start)
        for _ in range(1000):
            there = there - factor * alpha * matrix @ there
        assert (np.linalg.norm(there) < 1) == ends_small


def test_the_estimate_is_close_to_the_full_hessian():
    network = untrained("uniform", "float64")
    here, size = flat(network), 1e-2 * np.linalg.norm(flat(network))
    columns = [flat(gradient_of(like(network, here + size * unit))) for unit in np.eye(len(here))]
    hessian = (np.stack(columns) - flat(gradient_of(network))) / size
    expected = 2 / np.linalg.eigvalsh((hessian + hessian.T) / 2)[-1]
    assert stable_alpha(network, gradient_of) == pytest.approx(expected, rel=0.2)


def test_at_zeros_only_the_last_biases_have_curvature():
    # There the Hessian is that of a softmax with equal probabilities: 1/10 in every direction that changes them.
    assert stable_alpha(untrained("zeros", "float64"), gradient_of) == pytest.approx(20, rel=0.02)


def test_a_flat_or_non_finite_loss_has_no_stable_alpha():
    network = untrained("he", "float64")
    assert stable_alpha(network, lambda there: like(there, 0 * flat(there))) is None
    assert stable_alpha(network, lambda there: like(there, np.nan * flat(there))) is None


def test_the_estimate_needs_few_gradients():
    calls = []

    def counted(there):
        calls.append(there)
        return gradient_of(there)

    stable_alpha(untrained("he", "float64"), counted)
    assert len(calls) == 1 + curvature.PRODUCTS


def test_smaller_batches_have_a_smaller_stable_alpha():
    network = untrained("he", "float64")
    curvature = Curvature(network, Samples(X, LABELS))
    assert curvature.stable_alpha() == stable_alpha(network, gradient_of)
    assert curvature.stable_alpha(1) == pytest.approx(2 / curvature.of_one_sample)
    assert curvature.stable_alpha(round(1000 * curvature.critical_batch)) == pytest.approx(
        curvature.stable_alpha(), rel=2e-3
    )
    assert curvature.of_one_sample > curvature.of_mean_loss


def test_a_non_finite_loss_has_no_stable_alpha_for_batches_either():
    lost = tuple(Layer(np.nan * layer.weights, layer.bias) for layer in untrained("he", "float64"))
    curvature = Curvature(lost, Samples(X, LABELS))
    assert curvature.stable_alpha(8) is None
    assert curvature.critical_batch == 0
