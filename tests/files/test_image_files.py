"""The two files of a part: its images and its labels."""

import gzip

import numpy as np
import pytest

from pipeline.console.errors import UserError
from pipeline.files.images import Images, file_names, read_images, write_images

PARTS = pytest.mark.parametrize("part", ["train", "t10k"])


def some_images(number, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (number, 4, 3), dtype=np.uint8)
    return Images(pixels, rng.integers(0, 10, number, dtype=np.uint8))


@PARTS
def test_a_round_trip_changes_nothing(tmp_path, part):
    written = some_images(5)
    write_images(tmp_path, part, written)
    read = read_images(tmp_path, part)
    np.testing.assert_array_equal(read.pixels, written.pixels)
    np.testing.assert_array_equal(read.labels, written.labels)


@PARTS
def test_gzipped_files_are_read_too(tmp_path, part):
    written = some_images(5)
    write_images(tmp_path, part, written)
    for name in file_names(part):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        (tmp_path / name).unlink()
    read = read_images(tmp_path, part)
    np.testing.assert_array_equal(read.pixels, written.pixels)
    np.testing.assert_array_equal(read.labels, written.labels)


def test_the_files_have_mnists_names(tmp_path):
    write_images(tmp_path, "train", some_images(1))
    write_images(tmp_path, "t10k", some_images(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
    ]


def test_the_parts_are_kept_apart(tmp_path):
    write_images(tmp_path, "train", some_images(5, seed=1))
    write_images(tmp_path, "t10k", some_images(2, seed=2))
    np.testing.assert_array_equal(read_images(tmp_path, "train").pixels, some_images(5, seed=1).pixels)
    np.testing.assert_array_equal(read_images(tmp_path, "t10k").pixels, some_images(2, seed=2).pixels)


def test_a_missing_part_is_none(tmp_path):
    write_images(tmp_path, "train", some_images(5))
    assert read_images(tmp_path, "t10k") is None


def test_different_numbers_of_images_and_labels_are_refused(tmp_path):
    images, labels = some_images(5), some_images(4)
    write_images(tmp_path, "train", Images(images.pixels, labels.labels))
    with pytest.raises(UserError) as caught:
        read_images(tmp_path, "train")
    message = str(caught.value)
    assert "train-images-idx3-ubyte has 5 images" in message
    assert "train-labels-idx1-ubyte has 4 labels" in message


def test_a_damaged_file_is_reported(tmp_path):
    write_images(tmp_path, "train", some_images(5))
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(UserError, match="train-labels-idx1-ubyte"):
        read_images(tmp_path, "train")


@pytest.mark.parametrize("extra", [[], ["train-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte"]])
def test_missing_or_duplicate_files_are_reported(tmp_path, extra):
    for name in ["train-images-idx3-ubyte", *extra]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.*one file of images and one of labels"):
        read_images(tmp_path, "train")
