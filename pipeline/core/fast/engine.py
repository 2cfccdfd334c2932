"""Loss and full-batch gradient of many networks at once.

The staircase layout of the images (see `staircase`) avoids most products with 0, and the networks process them block by
block (see `block`). Our own threads work on shares of the images; BLAS should use a single thread. The shares do not
depend on the number of threads, and are added up in a fixed order.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.fast import first_layer
from pipeline.core.fast.block import Networks
from pipeline.core.fast.folding import Folding
from pipeline.core.fast.precision import ARITHMETIC, Precision
from pipeline.core.fast.stack import Passes, Scores, Stack, members
from pipeline.core.fast.staircase import IMAGES_IN_A_BLOCK, Block, Group, staircase
from pipeline.core.fast.sums import Sums
from pipeline.core.fast.workspace import Workspace
from pipeline.core.network import Reduction
from pipeline.core.normalisation import Affine

OverShare: TypeAlias = Callable[[list[Group], Networks, bool], Sums]

SHARES = 4
PADDING = 16  # images: rows a power of two apart would compete for the same cache lines
WORTH_THREADS = 1_000_000  # inputs times networks; waking a thread takes as long as a pass over half as many


class Engine:
    """Evaluates any number of networks on images (n, d) with labels (n,)."""

    def __init__(
        self, pixels: NDArray[np.uint8], labels: Array, affine: Affine, precision: Precision, threads: int
    ) -> None:
        self.images, width = pixels.shape
        self.arithmetic = ARITHMETIC[precision]
        self.folding = Folding(affine, width, IMAGES_IN_A_BLOCK, self.arithmetic)
        self.shares = fair_shares(staircase(pixels, labels))
        self.inputs = sum(map(inputs_of, self.shares))
        self.work = Workspace(self.arithmetic.dtype)
        self.threads = ThreadPoolExecutor(threads) if min(threads, len(self.shares)) > 1 else None

    def measure(self, stacked: Stack) -> Scores:
        """Loss and accuracy of each network, like `network.measure` for a single one."""
        return self.sum_up(stacked, with_scores=True, with_gradient=False).scores(self.images)

    def loss_and_gradient(self, stacked: Stack, reduction: Reduction, with_scores: bool = True) -> Passes:
        """Gradient, loss and accuracy of each network, like `network.loss_and_gradient` for a single one."""
        total = self.sum_up(stacked, with_scores, with_gradient=True)
        self.folding.unfold(total.gradient[0])
        return total.passes(self.images, reduction, with_scores)

    def sum_up(self, stacked: Stack, with_scores: bool, with_gradient: bool) -> Sums:
        """The sums over all images. Networks whose first layer is 0 do not see them, and need no products with them."""
        folded = [self.folding.fold(stacked[0]), *stacked[1:]]
        sees = folded[0].any(axis=(0, 2))
        if sees.all():
            return self.sum_over_shares(self.sum_over_share, folded, with_scores, with_gradient)
        total = Sums.zero(folded)
        for over_share, those in ((self.sum_over_share, sees), (self.sum_over_unseen_share, ~sees)):
            if those.any():
                chosen = np.flatnonzero(those).tolist()
                total.put(chosen, self.sum_over_shares(over_share, members(folded, chosen), with_scores, with_gradient))
        return total

    def sum_over_shares(self, over_share: OverShare, folded: Stack, with_scores: bool, with_gradient: bool) -> Sums:
        """The sums over all shares, for networks as functions of raw pixels."""
        networks = Networks(folded, IMAGES_IN_A_BLOCK, self.arithmetic, self.work, with_scores)
        many = self.inputs * networks.first.shape[1] >= WORTH_THREADS
        each = self.threads.map if self.threads and many else map
        sums = each(lambda share: over_share(share, networks, with_gradient), self.shares)
        total = next(sums)
        for others in sums:
            total.add(others)
        return total

    def sum_over_share(self, share: list[Group], networks: Networks, with_gradient: bool) -> Sums:
        """The sums over a share."""
        sums = networks.zero()
        for whole_order, blocks in share:
            order = whole_order[: len(blocks[0].inputs)]
            first = networks.first[order]
            slope = np.zeros_like(first)
            # As in `training.train`; but NumPy's error state is per thread, and this may be another one.
            with np.errstate(over="ignore", invalid="ignore"):
                for block in blocks:
                    inputs, values = self.first_values(block, first)
                    if with_gradient:
                        delta = networks.slope(values, block.labels, sums)
                        first_layer.backward(
                            inputs, block.steps, as_one(delta), slope.reshape(len(slope), -1), self.work
                        )
                    else:
                        networks.score(values, block.labels, sums)
            sums.gradient[0][order] += slope
        return sums

    def sum_over_unseen_share(self, share: list[Group], networks: Networks, with_gradient: bool) -> Sums:
        """The sums over a share for networks whose first layer is 0, and with it all its values and its gradient."""
        sums = networks.zero()
        add = networks.slope if with_gradient else networks.score
        with np.errstate(over="ignore", invalid="ignore"):
            for block in (block for group in share for block in group.blocks):
                values = self.work("values", *networks.first.shape[1:], len(block.labels.values))
                values[...] = 0
                add(values, block.labels, sums)
        return sums

    def first_values(self, block: Block, first: Array) -> tuple[Array, Array]:
        """A block's inputs (inputs, m) as floats, and the first layer's values (K, H, m)."""
        needed, images = block.inputs.shape
        inputs = self.work("inputs", needed, images + PADDING)[:, :images]
        np.copyto(inputs, block.inputs)
        values = self.work("values", *first.shape[1:], images)
        first_layer.forward(inputs, block.steps, first.reshape(len(first), -1), as_one(values))
        return inputs, values


def as_one(values: Array) -> Array:
    """View the values (K, H, m) of K networks as those of one wide layer, (K * H, m)."""
    return values.reshape(-1, values.shape[2])


def fair_shares(groups: Sequence[Group]) -> list[list[Group]]:
    """Split groups, or the blocks of a single group, into shares of about equal work, the same on every machine."""
    if len(groups) == 1:
        groups = [Group(groups[0].order, [block]) for block in groups[0].blocks]
    shares: list[list[Group]] = [[] for _ in range(min(SHARES, len(groups)))]
    for group in sorted(groups, key=lambda group: inputs_of([group]), reverse=True):
        min(shares, key=inputs_of).append(group)
    return shares


def inputs_of(share: Sequence[Group]) -> int:
    """The number of inputs that a pass feeds to a network, which measures the work."""
    steps = (step for group in share for block in group.blocks for step in block.steps)
    return sum(step.prefix * (step.images.stop - step.images.start) for step in steps)
