"""The full-batch gradient of many networks at once: the mathematics of `network.loss_and_gradient`, made to be fast.

K networks of equal layer sizes are one `Network` whose arrays have a first axis more: weights (K, inputs, outputs),
bias (K, outputs). What makes it fast:

- The images lie in a staircase (see `staircase`), so that most products with 0 are left out.
- The normalisation x = (pixels - shift) / scale is not applied to the images but to the first layer's weights, of
  which there are far fewer: x @ W + b = pixels @ V + c, with V = W / scale and c = b - shift @ V. So pixels stay bytes,
  and zeros zeros. c is the weight of the constant input 1 that the staircase puts before the pixels.
- A block is small enough for the processor's cache, and all K networks go over it before the next one comes.
- Arrays inside are features first, (K, pieces, units, images): then the softmax runs along the images.
- Shares of the groups go to threads of our own; BLAS itself should be given one thread. The shares are the same for
  any number of threads, and each network has a matrix product of its own whatever is stacked with it. So a network's
  numbers have the same bits alone or in a stack, on one thread or on many.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.descent import State, updated
from pipeline.core.network import Layer, Network, Reduction
from pipeline.core.normalisation import Affine
from pipeline.core.staircase import Block, Group, staircase

SHARES = 4


class Passes(NamedTuple):
    """What one pass of K networks over all images finds out."""

    loss: NDArray[np.float64]  # (K,)
    accuracy: NDArray[np.float64]  # (K,)
    gradient: Network  # (K, inputs, outputs) and (K, outputs) for each layer


@dataclass
class Sums:
    """What the blocks of a share add up to, for each of K networks."""

    loss: NDArray[np.float64]  # (K,)
    right: NDArray[np.int64]  # (K,)
    gradient: Network

    def add(self, other: "Sums") -> None:
        """Add another share's sums."""
        self.loss += other.loss
        self.right += other.right
        for mine, theirs in zip(self.gradient, other.gradient, strict=True):
            mine.weights[...] += theirs.weights
            mine.bias[...] += theirs.bias


def stack(networks: Sequence[Network]) -> Network:
    """Networks of equal layer sizes as one, with a first axis for them."""
    return tuple(Layer(*map(np.stack, zip(*layers, strict=True))) for layers in zip(*networks, strict=True))


def member(stacked: Network, k: int) -> Network:
    """The k-th network of a stack."""
    return tuple(Layer(layer.weights[k], layer.bias[k]) for layer in stacked)


class Marked(NamedTuple):
    """A block, and for each of its images and each class C what the softmax needs: (pieces, C, images in a piece)."""

    inputs: NDArray[np.uint8]  # (pieces, 1 + prefix, images in a piece)
    is_label: Array  # 1 for the image's class, 0 for the others
    is_later: Array  # 0 for the classes before the image's own, -infinity from there on


def marked(block: Block, classes: int, dtype: str) -> Marked:
    """Mark the labels of a block."""
    labels, each = block.labels[:, np.newaxis], np.arange(classes)[:, np.newaxis]
    return Marked(block.inputs, (each == labels).astype(dtype), np.where(each < labels, 0, -np.inf).astype(dtype))


Share: TypeAlias = list[tuple[NDArray[np.intp], list[Marked]]]  # the order and the blocks of each group


class Engine:
    """Images (n, d) and their labels (n,), laid out for any number of networks that tell `classes` apart."""

    def __init__(
        self, pixels: NDArray[np.uint8], labels: Array, classes: int, affine: Affine, dtype: str, threads: int
    ) -> None:
        self.images, inputs = pixels.shape
        self.shift = np.broadcast_to(affine.shift, inputs).astype(dtype)[:, np.newaxis]
        self.scale = np.broadcast_to(affine.scale, inputs).astype(dtype)[:, np.newaxis]
        self.dtype = dtype
        self.shares = [
            [(group.order, [marked(block, classes, dtype) for block in group.blocks]) for group in share]
            for share in fair_shares(staircase(pixels, labels))
        ]
        # Waking a thread takes as long as half of a pass over a dataset as small as the digits.
        self.map = ThreadPoolExecutor(threads).map if len(self.shares) > 1 else map

    def loss_and_gradient(self, stacked: Network, reduction: Reduction) -> Passes:
        """Loss, accuracy and gradient of each network, as `network.loss_and_gradient` finds them for one."""
        folded = self.fold(stacked)
        sums = self.map(lambda share: over_share(share, folded, self.dtype), self.shares)
        total = next(sums)
        for share in sums:
            total.add(share)
        divisor = self.images if reduction == "mean" else 1
        gradient = tuple(Layer(slope.weights / divisor, slope.bias / divisor) for slope in self.unfold(total.gradient))
        return Passes(total.loss / self.images, total.right / self.images, gradient)

    def fold(self, stacked: Network) -> Network:
        """The networks as functions of the pixels: a first layer of weights (K, 1 + d, H), the constant's first."""
        first, *others = stacked
        weights = first.weights / self.scale
        constant = first.bias - (self.shift * weights).sum(axis=1, dtype=np.float64).astype(self.dtype)
        return Layer(np.concatenate([constant[:, np.newaxis], weights], axis=1), first.bias), *others

    def unfold(self, gradient: Network) -> Network:
        """The gradient at the networks' own weights, from that at the folded ones: the chain rule through `fold`."""
        first, *others = gradient
        at_constant, at_pixels = first.weights[:, 0], first.weights[:, 1:]
        weights = (at_pixels - self.shift * at_constant[:, np.newaxis]) / self.scale
        return Layer(weights, at_constant), *others


def fair_shares(groups: Sequence[Group]) -> list[list[Group]]:
    """The groups in shares of about equal work, the same on every machine."""

    def work(share: Sequence[Group]) -> int:
        return sum(block.inputs.size for group in share for block in group.blocks)

    shares: list[list[Group]] = [[] for _ in range(min(SHARES, len(groups)))]
    for group in sorted(groups, key=lambda group: work([group]), reverse=True):
        min(shares, key=work).append(group)
    return shares


def over_share(share: Share, folded: Network, dtype: str) -> Sums:
    """The sums over a share."""
    members = len(folded[0].bias)
    nothing = tuple(Layer(np.zeros_like(layer.weights), np.zeros_like(layer.bias)) for layer in folded)
    sums = Sums(np.zeros(members), np.zeros(members, dtype=np.int64), nothing)
    for whole_order, blocks in share:
        longest = blocks[0].inputs.shape[1]
        order = whole_order[:longest]
        weights = np.ascontiguousarray(folded[0].weights[:, order].swapaxes(1, 2))
        slope = np.zeros_like(folded[0].weights[:, :longest])
        # As in `training.train`, but this may be another thread, which starts without what its caller set.
        with np.errstate(over="ignore", invalid="ignore"):
            for block in blocks:
                over_block(block, weights, folded[1:], sums, slope, dtype)
        sums.gradient[0].weights[:, order] += slope
    return sums


def over_block(block: Marked, first: Array, others: Network, sums: Sums, slope: Array, dtype: str) -> None:
    """Add a block to the sums, and its gradient at the weights `first` (K, H, 1 + longest) to `slope`.

    p pieces of r images: arrays are (K, p, units, r). See `network.loss_and_gradient` for the formulae. BLAS is fastest
    where both factors lie row by row, which is why `first` comes transposed and `delta` ends so.
    """
    inputs = block.inputs.astype(dtype)  # (p, 1 + prefix, r)
    prefix = inputs.shape[1]
    values = np.matmul(first[:, np.newaxis, :, :prefix], inputs)
    activations = []
    for layer in others:
        activations.append(np.maximum(values, 0, out=values))
        values = np.matmul(layer.weights[:, np.newaxis].swapaxes(2, 3), values)
        values += layer.bias[:, np.newaxis, :, np.newaxis]

    delta = softmax_minus_label(values, block, sums)
    for layer, activation, total in zip(others[::-1], activations[::-1], sums.gradient[:0:-1], strict=True):
        total.weights[...] += np.matmul(activation, delta.swapaxes(2, 3)).sum(axis=1)
        total.bias[...] += delta.sum(axis=(1, 3))
        delta = np.matmul(layer.weights[:, np.newaxis], delta)
        delta *= activation > 0
    slope[:, :prefix] += np.matmul(inputs, np.ascontiguousarray(delta.swapaxes(2, 3))).sum(axis=1)


def softmax_minus_label(logits: Array, block: Marked, sums: Sums) -> Array:
    """The gradient at the logits (K, p, C, r), in their place; adds the loss and the right answers to the sums."""
    logits -= logits.max(axis=2, keepdims=True)
    of_label = (logits * block.is_label).sum(axis=2)
    # The largest logit is now 0, and the first class that has it is the answer, as it is for argmax.
    right = (of_label == 0) & ((logits + block.is_later).max(axis=2) < 0)
    sums.right += right.sum(axis=(1, 2))

    probabilities = np.exp(logits, out=logits)
    total = probabilities.sum(axis=2, keepdims=True)
    sums.loss += (np.log(total[:, :, 0]) - of_label).sum(axis=(1, 2), dtype=np.float64)
    probabilities /= total
    probabilities -= block.is_label
    return probabilities


def full_batch_descent(
    engine: Engine, network: Network, alpha: float, iterations: int, reduction: Reduction
) -> Iterator[State]:
    """What `descent.gradient_descent` yields for batches of all images, from the engine."""
    stacked = stack([network])
    for iteration in range(iterations + 1):
        found = engine.loss_and_gradient(stacked, reduction)
        yield State(iteration, member(stacked, 0), float(found.loss[0]), float(found.accuracy[0]))
        stacked = updated(stacked, found.gradient, alpha)
