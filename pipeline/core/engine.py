"""Loss and full-batch gradient of many networks at once, over images in a staircase.

- The images lie in a staircase (see `staircase`), so that most products with 0 are left out, and a stack of networks
  passes over them block by block (see `block`).
- The normalisation x = (pixels - shift) / scale is not applied to the images but to the first layer's weights, of
  which there are far fewer: x @ W + b = pixels @ V + c, with V = W / scale and c = b - shift @ V. So pixels stay bytes,
  and zeros zeros. c is the weight of the constant input 1 that the staircase puts before the pixels.
- Shares of the images go to threads of our own; BLAS itself should be given one thread. The shares are the same for
  any number of threads, and `products` sees to it that what else is in the stack does not matter. So a network's
  numbers have the same bits alone or in a stack, on one thread or on many.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.block import Sums, Workspace, score, score_and_slope
from pipeline.core.network import Reduction
from pipeline.core.normalisation import Affine
from pipeline.core.stack import Passes, Scores, Stack
from pipeline.core.staircase import Group, staircase

SHARES = 4
WORTH_THREADS = 1_000_000  # inputs times networks; waking a thread takes as long as a pass over half of that


class Engine:
    """Images (n, d) and their labels (n,), laid out for any number of networks."""

    def __init__(self, pixels: NDArray[np.uint8], labels: Array, affine: Affine, dtype: str, threads: int) -> None:
        self.images, width = pixels.shape
        self.shift = np.broadcast_to(affine.shift, width).astype(dtype)[:, np.newaxis, np.newaxis]
        self.scale = np.broadcast_to(affine.scale, width).astype(dtype)[:, np.newaxis, np.newaxis]
        self.shares = fair_shares(staircase(pixels, labels))
        self.inputs = sum(map(inputs_of, self.shares))
        self.work = Workspace(dtype)
        self.threads = ThreadPoolExecutor(threads) if min(threads, len(self.shares)) > 1 else None

    def measure(self, stacked: Stack) -> Scores:
        """Loss and accuracy of each network, as `network.measure` finds them for one."""
        total = self.sum_up(stacked, with_gradient=False)
        return Scores(total.loss / self.images, total.right / self.images)

    def loss_and_gradient(self, stacked: Stack, reduction: Reduction) -> Passes:
        """Loss, accuracy and gradient of each network, as `network.loss_and_gradient` finds them for one."""
        total = self.sum_up(stacked, with_gradient=True)
        gradient = [self.unfold(total.gradient[0]), *total.gradient[1:]]
        if reduction == "mean":
            for slope in gradient:
                slope /= self.images
        return Passes(Scores(total.loss / self.images, total.right / self.images), gradient)

    def sum_up(self, stacked: Stack, with_gradient: bool) -> Sums:
        """The sums over all shares."""
        folded = [self.fold(stacked[0]), *stacked[1:]]
        many = self.inputs * stacked[0].shape[1] >= WORTH_THREADS
        each = self.threads.map if self.threads and many else map
        sums = each(lambda share: over_share(share, self.work, folded, with_gradient), self.shares)
        total = next(sums)
        for others in sums:
            total.add(others)
        return total

    def fold(self, table: Array) -> Array:
        """The first layer (1 + d, K, H) as a function of the pixels."""
        folded = np.empty_like(table)
        weights = np.divide(table[1:], self.scale, out=folded[1:])
        # NumPy's order of summation depends on how a sum's terms lie, so each network's are brought into one piece.
        folded[0] = table[0] - np.ascontiguousarray(np.moveaxis(self.shift * weights, 0, 2), np.float64).sum(axis=2)
        return folded

    def unfold(self, slope: Array) -> Array:
        """The gradient (1 + d, K, H) at the networks' own weights, from that at the folded ones, in its place.

        The chain rule through `fold`.
        """
        slope[1:] -= self.shift * slope[0]
        slope[1:] /= self.scale
        return slope


def fair_shares(groups: Sequence[Group]) -> list[list[Group]]:
    """The groups, or the blocks of a single one, in shares of about equal work, the same on every machine."""
    if len(groups) == 1:
        groups = [Group(groups[0].order, [block]) for block in groups[0].blocks]
    shares: list[list[Group]] = [[] for _ in range(min(SHARES, len(groups)))]
    for group in sorted(groups, key=lambda group: inputs_of([group]), reverse=True):
        min(shares, key=inputs_of).append(group)
    return shares


def inputs_of(share: Sequence[Group]) -> int:
    """How many inputs a network is fed in a pass, which is how much there is to do."""
    return sum(block.inputs.size for group in share for block in group.blocks)


def as_numbers(pixels: NDArray[np.uint8], work: Workspace) -> Array:
    """The bytes of a block (1 + prefix, m) in the networks' precision."""
    inputs = work("inputs", *pixels.shape)
    np.copyto(inputs, pixels)
    return inputs


def over_share(share: list[Group], work: Workspace, folded: Stack, with_gradient: bool) -> Sums:
    """The sums over a share, for networks whose first layer is folded."""
    sums = Sums.zero(folded)
    for whole_order, blocks in share:
        order = whole_order[: len(blocks[0].inputs)]
        first = folded[0][order]
        slope = np.zeros_like(first)
        # As in `training.train`, but this may be another thread, which starts without what its caller set.
        with np.errstate(over="ignore", invalid="ignore"):
            for pixels, labels in blocks:
                inputs, needed = as_numbers(pixels, work), first[: len(pixels)]
                if with_gradient:
                    slope[: len(pixels)] += score_and_slope(inputs, labels, needed, folded[1:], sums, work)
                else:
                    score(inputs, labels, needed, folded[1:], sums, work)
        sums.gradient[0][order] += slope
    return sums
