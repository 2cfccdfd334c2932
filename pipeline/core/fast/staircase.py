"""A layout of images that saves more than half of the arithmetic of a full-batch gradient without changing it.

Four fifths of MNIST's pixels are 0, and 0 times a weight adds nothing. A matrix product can't skip single zeros, but it
can skip whole rows. So we reorder images and pixels to bring the zeros together:

1. The gradient over all images is a sum, so the images can come in any order. Those with the same label look alike, so
   they form a group if there are enough of them.
2. Each group has its own order of pixels. The pixel that the fewest images use comes last, before it the pixel that the
   fewest of the remaining images use, and so on. Each image then needs only a prefix of the pixels: all after its last
   non-zero one are 0.
3. Images are sorted by prefix length and split into blocks, and blocks into steps. A block or step is as high as its
   longest prefix.

        images ->
        xxxxxxxxxxxxxxxxxxxxxxx      From the side, a group looks like a staircase. On MNIST an image needs 341 of 784
        xxxxxxxxxxxxxxxxx            pixels on average, on digits most of the 64.
        xxxxxxxx

Nothing is rounded, and only products with 0 are left out. Pixels stay bytes, an eighth of the size of float64, and are
converted one block at a time, while they are in the processor's cache.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import Array
from pipeline.core.fast.labels import Labels, labelled

STRIP = 128  # images
STEP = 4 * STRIP
# With fewer, threads would wait longer for Python's interpreter; with more, a block would not fit into the cache.
IMAGES_IN_A_BLOCK = 2 * STEP


class Step(NamedTuple):
    """Some images of a block, and how many inputs they need."""

    prefix: int
    images: slice


class Block(NamedTuple):
    """Images with prefixes of similar length."""

    inputs: NDArray[np.uint8]  # (1 + prefix, images); the first input of each image is the constant 1
    steps: list[Step]
    labels: Labels


class Group(NamedTuple):
    """Images that share an order of pixels."""

    order: NDArray[np.intp]  # (1 + d,): the input in each row. 0 is the constant 1, j + 1 is pixel j
    blocks: list[Block]  # longest prefix first


def staircase(pixels: NDArray[np.uint8], labels: Array) -> list[Group]:
    """Lay out pixels (n, d) by their labels (n,), or as one group if a label's images would not fill a block."""
    classes = np.unique(labels)
    if len(pixels) < len(classes) * IMAGES_IN_A_BLOCK:
        return [group(pixels, labels)]
    return [group(pixels[labels == label], labels[labels == label]) for label in classes]


def group(pixels: NDArray[np.uint8], labels: Array) -> Group:
    """Lay out the pixels (n, d) of a group's images."""
    order, prefix = pixel_order(pixels > 0)
    longest_first = np.argsort(-prefix, kind="stable")
    order, prefix = np.concatenate([[0], order + 1]), 1 + prefix
    inputs = np.insert(pixels, 0, 1, axis=1)
    blocks = []
    for start in range(0, len(pixels), IMAGES_IN_A_BLOCK):
        images = longest_first[start : start + IMAGES_IN_A_BLOCK]
        used = np.ascontiguousarray(inputs[np.ix_(images, order[: prefix[images[0]]])].T)
        steps = [
            Step(int(prefix[images[first]]), slice(first, min(first + STEP, len(images))))
            for first in range(0, len(images), STEP)
        ]
        blocks.append(Block(used, steps, labelled(labels[images])))
    return Group(order, blocks)


def pixel_order(used: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order of the pixels, and each image's prefix length in it, given which pixels (n, d) each image uses.

    It is greedy, from the back: of the images without a prefix yet, the pixel that the fewest use takes the last free
    place, and those images' prefixes end there.
    """
    images, pixels = used.shape
    order = np.empty(pixels, dtype=np.intp)
    prefix = np.zeros(images, dtype=np.intp)
    users = used.sum(axis=0)  # of each pixel, among images without a prefix
    without = np.ones(images, dtype=bool)
    for place in reversed(range(pixels)):
        pixel = users.argmin()
        order[place] = pixel
        ends = np.flatnonzero(used[:, pixel] & without)
        prefix[ends] = place + 1
        without[ends] = False
        users -= used[ends].sum(axis=0)
        users[pixel] = images + 1  # placed
    return order, prefix
