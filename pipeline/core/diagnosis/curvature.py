"""How large alpha can be, judged by the curvature of the loss at the start of training.

Gradient descent on a quadratic with largest curvature lambda is stable for alpha < 2 / lambda: above that, each update
overshoots along that direction and ends up farther away. lambda is the Hessian's largest eigenvalue. It is computed
from Hessian-vector products, each a difference of gradients: H v = (g(w + e v) - g(w)) / e, as in LeCun, Simard and
Pearlmutter, "Automatic learning rate maximization by on-line estimation of the Hessian's eigenvectors", NIPS 5 (1992).
They iterate v <- H v. But a network with small weights starts near a saddle, where the largest and the smallest
eigenvalue almost cancel, and that iteration does not converge. So we keep all the vectors, and take the Hessian's
largest eigenvalue in their span: C. Lanczos, "An iteration method for the solution of the eigenvalue problem", J. Res.
Nat. Bur. Standards 45 (1950).

With minibatches, single samples matter. For batches of m, the largest stable alpha is (2 / lambda) / (1 + m* / m).
Here m* = (beta - lambda) / lambda is the critical batch size, and beta the largest curvature of a single sample's loss:
S. Ma, R. Bassily and M. Belkin, "The power of interpolation: understanding the effectiveness of SGD in modern
over-parametrized learning", ICML (2018).

Since the loss is not quadratic, networks also learn somewhat above 2 / lambda, when the first updates lead to flatter
regions: Lewkowycz et al., "The large learning rate phase of deep learning", arXiv:2003.02218.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from pipeline.core.arrays import Array, Samples, evenly_spaced
from pipeline.core.network import Layer, Network, loss_and_gradient

PRODUCTS = 8
# Relative to the norm of the parameters. ReLUs switch on and off along the step. In a much smaller step only a few
# would, by chance, and their kinks would pass for curvature.
STEP_SIZE = 1e-2
SINGLES = 16  # single samples, at most, to measure the curvature of


class Curvature:
    """The curvature of the loss of some samples at a float64 network, computed on demand."""

    def __init__(self, network: Network, samples: Samples) -> None:
        self.network = network
        self.samples = samples

    @cached_property
    def of_mean_loss(self) -> float:
        """lambda, the largest curvature of the mean loss; 0 where the loss curves up nowhere, or is not finite."""
        return self.of_samples(np.arange(len(self.samples.labels)))

    @cached_property
    def of_one_sample(self) -> float:
        """beta, the largest curvature of a single sample's loss, among a few samples."""
        return max(self.of_samples(np.array([index])) for index in evenly_spaced(len(self.samples.labels), SINGLES))

    def of_samples(self, indices: Array) -> float:
        """The largest curvature of the mean loss of the samples with these indices."""
        x, labels = self.samples.x[indices], self.samples.labels[indices]
        with np.errstate(over="ignore", invalid="ignore"):
            alpha = stable_alpha(self.network, lambda there: loss_and_gradient(there, x, labels).gradient)
        return 2 / alpha if alpha else 0.0

    @property
    def critical_batch(self) -> float:
        """m*, the batch size below which alpha has to be much smaller than for the full batch."""
        return max(0.0, self.of_one_sample / self.of_mean_loss - 1) if self.of_mean_loss else 0.0

    def stable_alpha(self, batch: int | None = None) -> float | None:
        """The alpha below which descent by mean gradients is stable, for this batch size or the full batch, if any."""
        noise = 0.0 if batch is None else self.critical_batch / batch
        return 2 / self.of_mean_loss / (1 + noise) if self.of_mean_loss else None


def stable_alpha(network: Network, gradient_of: Callable[[Network], Network]) -> float | None:
    """The alpha, 2 / lambda, below which gradient descent is stable near a float64 network.

    None where the loss curves up nowhere, or is not finite. `gradient_of` is called at most nine times.
    """
    here, slope = flat(network), flat(gradient_of(network))
    step = STEP_SIZE * max(1.0, float(np.linalg.norm(here)))

    def hessian_product(direction: Array) -> Array:
        change: Array = (flat(gradient_of(like(network, here + step * direction))) - slope) / step
        return change

    curvature = largest_eigenvalue(hessian_product, slope)
    return 2 / curvature if curvature > 0 else None


def largest_eigenvalue(product: Callable[[Array], Array], start: Array) -> float:
    """The largest eigenvalue of a symmetric matrix A in the span of start, A start, A (A start), ...

    NaN where `start` or a product is not finite; 0 for a start of zeros.
    """
    basis: list[Array] = []
    images: list[Array] = []
    direction = start
    while len(basis) < PRODUCTS:
        size = float(np.linalg.norm(direction))
        if not np.isfinite(size):
            return np.nan
        if size <= 1e-9 * max(1e-9, float(np.linalg.norm(images[-1] if images else start))):
            break  # another product would add nothing to the span
        basis.append(direction / size)
        images.append(product(basis[-1]))
        spanned = np.stack(basis)
        direction = images[-1] - spanned.T @ (spanned @ images[-1])
        direction -= spanned.T @ (spanned @ direction)  # again, to remove rounding errors
    if not basis:
        return 0.0
    small = np.stack(basis) @ np.stack(images).T
    return float(np.linalg.eigvalsh((small + small.T) / 2)[-1]) if np.isfinite(small).all() else np.nan


def flat(network: Network) -> Array:
    """All parameters as one vector."""
    return np.concatenate([values.ravel() for layer in network for values in layer])


def like(network: Network, parameters: Array) -> Network:
    """A vector of parameters in the shapes of a network."""
    layers = []
    for layer in network:
        weights, bias, parameters = np.split(parameters, np.cumsum([layer.weights.size, layer.bias.size]))
        layers.append(Layer(weights.reshape(layer.weights.shape), bias))
    return tuple(layers)
