"""How large alpha can be: from the curvature of the loss where the training starts.

Gradient descent on a quadratic with largest curvature lambda is stable while alpha < 2 / lambda: beyond it, each update
overshoots along that direction by more than it came from. lambda is the Hessian's largest eigenvalue. It is found from
products of the Hessian with vectors, each of which is a difference of gradients: H v = (g(w + e v) - g(w)) / e, as in
LeCun, Simard and Pearlmutter, "Automatic learning rate maximization by on-line estimation of the Hessian's
eigenvectors", NIPS 5 (1992). They iterate v <- H v. But a network of small weights starts near a saddle, where the
largest and the smallest eigenvalue are nearly each other's opposite, and that never settles. So all the vectors met on
the way are kept, and lambda is the largest eigenvalue of the Hessian in their span: C. Lanczos, "An iteration method
for the solution of the eigenvalue problem", J. Res. Nat. Bur. Standards 45 (1950).

With minibatches, single samples count: in batches of m, the largest alpha at which the descent does not grow is
(2 / lambda) / (1 + m* / m), where m* = (beta - lambda) / lambda is the critical size of a batch, and beta the largest
curvature of the loss of one sample: S. Ma, R. Bassily and M. Belkin, "The power of interpolation: understanding the
effectiveness of SGD in modern over-parametrized learning", ICML (2018).

As the loss is no quadratic, networks also learn somewhat beyond 2 / lambda, where the first updates lead to flatter
places: Lewkowycz et al., "The large learning rate phase of deep learning", arXiv:2003.02218.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from pipeline.core.arrays import Array, Samples, spread
from pipeline.core.network import Layer, Network, loss_and_gradient

PRODUCTS = 8
# Times the norm of the parameters. ReLUs turn on and off on the way: in a much smaller step few do, by chance, and what
# those few do is taken for a curvature.
STEP_SIZE = 1e-2
SINGLES = 16  # samples, at most, of which the curvature of one is known


class Bends:
    """How strongly the loss of some samples bends at a float64 network: computed when asked for."""

    def __init__(self, network: Network, samples: Samples) -> None:
        self.network = network
        self.samples = samples

    @cached_property
    def of_all(self) -> float:
        """lambda, the largest curvature of the mean over all samples; 0 where it bends up nowhere, or is not finite."""
        return self.of(np.arange(len(self.samples.labels)))

    @cached_property
    def of_one(self) -> float:
        """beta, the largest curvature of one sample's loss, among a few samples."""
        return max(self.of(np.array([place])) for place in spread(len(self.samples.labels), SINGLES))

    def of(self, places: Array) -> float:
        """The largest curvature of the mean over the samples at some places."""
        x, labels = self.samples.x[places], self.samples.labels[places]
        with np.errstate(over="ignore", invalid="ignore"):
            alpha = stable_alpha(self.network, lambda there: loss_and_gradient(there, x, labels).gradient)
        return 2 / alpha if alpha else 0.0

    @property
    def critical_batch(self) -> float:
        """The images of a batch, m*, with fewer of which alpha has to be much smaller than with all of them."""
        return max(0.0, self.of_one / self.of_all - 1) if self.of_all else 0.0

    def stable_alpha(self, batch: int | None = None) -> float | None:
        """The alpha below which a descent by the mean gradient of so many samples, or of all, is stable, if any is."""
        noise = 0.0 if batch is None else self.critical_batch / batch
        return 2 / self.of_all / (1 + noise) if self.of_all else None


def stable_alpha(network: Network, gradient_of: Callable[[Network], Network]) -> float | None:
    """The alpha, 2 / lambda, below which gradient descent is stable near a float64 network.

    None where the loss bends up nowhere or is not finite. `gradient_of` is called nine times at most.
    """
    here, slope = flat(network), flat(gradient_of(network))
    step = STEP_SIZE * max(1.0, float(np.linalg.norm(here)))

    def bend(direction: Array) -> Array:
        change: Array = (flat(gradient_of(like(network, here + step * direction))) - slope) / step
        return change

    curvature = largest_eigenvalue(bend, slope)
    return 2 / curvature if curvature > 0 else None


def largest_eigenvalue(product: Callable[[Array], Array], start: Array) -> float:
    """The largest eigenvalue of a symmetric matrix in the span of start, its product with the matrix, and so on.

    Not a number where `start` or a product is not finite; 0 for a start of zeros.
    """
    basis: list[Array] = []
    images: list[Array] = []
    direction = start
    while len(basis) < PRODUCTS:
        size = float(np.linalg.norm(direction))
        if not np.isfinite(size):
            return np.nan
        if size <= 1e-9 * max(1e-9, float(np.linalg.norm(images[-1] if images else start))):
            break  # the span is closed
        basis.append(direction / size)
        images.append(product(basis[-1]))
        spanned = np.stack(basis)
        direction = images[-1] - spanned.T @ (spanned @ images[-1])
        direction -= spanned.T @ (spanned @ direction)  # once more, for what rounding left
    if not basis:
        return 0.0
    small = np.stack(basis) @ np.stack(images).T
    return float(np.linalg.eigvalsh((small + small.T) / 2)[-1]) if np.isfinite(small).all() else np.nan


def flat(network: Network) -> Array:
    """All parameters in a row."""
    return np.concatenate([values.ravel() for layer in network for values in layer])


def like(network: Network, parameters: Array) -> Network:
    """All parameters from a row, in a network's shapes."""
    layers = []
    for layer in network:
        weights, bias, parameters = np.split(parameters, np.cumsum([layer.weights.size, layer.bias.size]))
        layers.append(Layer(weights.reshape(layer.weights.shape), bias))
    return tuple(layers)
