"""The layout holds every image once and in full, and leaves out only zeros."""

import numpy as np
import pytest
from conftest import MNIST, needs_mnist
from real_digits import LABELS, PIXELS

from pipeline.core.fast.engine import inputs_of
from pipeline.core.fast.staircase import pixel_order, staircase
from pipeline.files.images import read_images

DIGITS = PIXELS.astype(np.uint8)


def images_in(group, pixels):
    """The images of a group's blocks, reassembled: (n, pixels)."""
    images = []
    for block in group.blocks:
        inputs, count = block.inputs.shape
        rows = np.zeros((count, 1 + pixels), np.uint8)
        rows[:, group.order[:inputs]] = block.inputs.T
        assert (rows[:, 0] == 1).all()
        assert_steps_leave_out_only_zeros(block)
        images.append(rows[:, 1:])
    return np.concatenate(images)


def assert_steps_leave_out_only_zeros(block):
    assert np.concatenate([np.arange(block.inputs.shape[1])[step.images] for step in block.steps]).tolist() == [
        *range(block.inputs.shape[1])
    ]
    for prefix, images in block.steps:
        assert not block.inputs[prefix:, images].any()
        assert block.inputs[prefix - 1, images].any()


def labels_in(group):
    """The labels of a group's images, in the order of `images_in`."""
    return np.concatenate([block.labels.values for block in group.blocks])


def in_any_order(images):
    return sorted(map(bytes, images))


@pytest.mark.parametrize("count", [1, 5, 1023, 1024, 1025, len(DIGITS)])
def test_every_image_is_kept_once_and_complete(count):
    [group] = staircase(DIGITS[:count], LABELS[:count])
    assert in_any_order(images_in(group, 64)) == in_any_order(DIGITS[:count])


def test_images_keep_their_labels():
    [group] = staircase(DIGITS, LABELS)
    laid_out = [(bytes(image), label) for image, label in zip(images_in(group, 64), labels_in(group), strict=True)]
    assert sorted(laid_out) == sorted((bytes(image), label) for image, label in zip(DIGITS, LABELS, strict=True))


def test_labels_with_many_images_get_their_own_groups():
    many, labels = np.tile(DIGITS, (6, 1)), np.tile(LABELS, 6)
    groups = staircase(many, labels)
    assert len(groups) == 10
    for digit, group in enumerate(groups):
        assert {*labels_in(group)} == {digit}
        assert in_any_order(images_in(group, 64)) == in_any_order(many[labels == digit])


def test_blocks_need_fewer_and_fewer_pixels():
    [group] = staircase(DIGITS, LABELS)
    lengths = [len(block.inputs) for block in group.blocks]
    assert len(lengths) == 2
    assert lengths == sorted(lengths, reverse=True)


def test_the_rarest_pixels_come_last():
    # No image uses pixel 1, one uses pixel 0, one of the rest uses pixel 3, and the last uses pixel 2.
    used = np.array([[1, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 0]], bool)
    order, prefix = pixel_order(used)
    assert order.tolist() == [2, 3, 0, 1]
    assert prefix.tolist() == [3, 2, 1]


def test_a_blank_image_needs_no_pixels():
    _, prefix = pixel_order(np.array([[False, False], [True, False]]))
    assert prefix.tolist() == [0, 1]


@needs_mnist
def test_mnist_needs_less_than_half_of_its_pixels():
    images = read_images(MNIST, "train")
    groups = staircase(images.pixels.reshape(-1, 784), images.labels)
    assert inputs_of(groups) / 60_000 < 345
