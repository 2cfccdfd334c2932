"""IDX files: they round-trip, and a damaged file is reported with what is wrong with it."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest

from pipeline.console.errors import UserError
from pipeline.files.idx import LARGEST, read_idx, write_idx

PLAIN_AND_GZIPPED = pytest.mark.parametrize("name", ["labels-idx1-ubyte", "labels-idx1-ubyte.gz"])

HEADER_OF_THREE = bytes([0, 0, 8, 1, 0, 0, 0, 3])  # unsigned bytes (8) in one dimension, three of them


def write(path, content):
    """Write the content, gzipped if the file's name ends in .gz."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def error_message(path, dimensions=1):
    with pytest.raises(UserError) as caught:
        read_idx(path, dimensions)
    return str(caught.value)


@PLAIN_AND_GZIPPED
def test_the_published_format_is_read(tmp_path, name):
    write(tmp_path / name, HEADER_OF_THREE + bytes([5, 0, 255]))
    values = read_idx(tmp_path / name, dimensions=1)
    assert values.tolist() == [5, 0, 255]
    assert values.dtype == np.uint8


@PLAIN_AND_GZIPPED
def test_images_are_read_row_by_row_with_big_endian_lengths(tmp_path, name):
    # One image of 2 rows and 258 columns: 258 is 1 * 256 + 2.
    pixels = bytes(range(256)) + bytes([1, 2]) + bytes(258)
    write(tmp_path / name, bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 2]) + pixels)
    images = read_idx(tmp_path / name, dimensions=3)
    assert images.shape == (1, 2, 258)
    assert images[0, 0].tolist() == [*range(256), 1, 2]
    assert not images[0, 1].any()


def test_the_published_format_is_written(tmp_path):
    write_idx(tmp_path / "labels", np.array([5, 0, 255], np.uint8))
    assert (tmp_path / "labels").read_bytes() == HEADER_OF_THREE + bytes([5, 0, 255])


@pytest.mark.parametrize("shape", [(300,), (7, 3, 5), (1, 1, 1)])
def test_a_round_trip_changes_nothing(tmp_path, shape):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_idx(tmp_path / "values", values)
    again = read_idx(tmp_path / "values", dimensions=len(shape))
    np.testing.assert_array_equal(again, values)
    assert again.dtype == np.uint8


def test_a_non_contiguous_array_round_trips(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(0, 2, 1)
    write_idx(tmp_path / "images", images)
    np.testing.assert_array_equal(read_idx(tmp_path / "images", dimensions=3), images)


@PLAIN_AND_GZIPPED
@pytest.mark.parametrize(
    "magic",
    [
        bytes([0, 0, 8, 3]),  # of images, where labels are expected
        bytes([0, 0, 13, 1]),  # of floating-point numbers
        bytes([1, 0, 8, 1]),
        b"<htm",  # of an error page saved as the file
    ],
)
def test_a_file_with_the_wrong_magic_number_is_refused(tmp_path, name, magic):
    write(tmp_path / name, magic + HEADER_OF_THREE[4:] + bytes(3))
    message = error_message(tmp_path / name)
    assert name in message
    assert magic.hex() in message
    assert "00000801" in message


@PLAIN_AND_GZIPPED
def test_an_empty_file_is_refused(tmp_path, name):
    write(tmp_path / name, b"")
    message = error_message(tmp_path / name)
    assert name in message
    assert "nothing" in message


@PLAIN_AND_GZIPPED
def test_a_file_that_ends_within_its_header_is_refused(tmp_path, name):
    write(tmp_path / name, HEADER_OF_THREE[:6])
    message = error_message(tmp_path / name)
    assert name in message
    assert "header" in message
    assert "cut short" in message


@PLAIN_AND_GZIPPED
@pytest.mark.parametrize(("length", "held"), [(0, "0"), (2, "2"), (4, "more"), (10_000, "more")])
def test_a_file_of_the_wrong_length_is_refused(tmp_path, name, length, held):
    write(tmp_path / name, HEADER_OF_THREE + bytes(length))
    message = error_message(tmp_path / name)
    assert name in message
    assert "announces 3" in message
    assert f"holds {held}" in message


def test_a_gz_file_that_is_not_gzipped_is_refused(tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(HEADER_OF_THREE + bytes(3))
    message = error_message(path)
    assert "labels.gz" in message
    assert "can't be read" in message


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])  # within the header, the compressed bytes and the final checksum
def test_a_truncated_gz_file_is_refused(tmp_path, kept):
    path = tmp_path / "labels.gz"
    packed = gzip.compress(HEADER_OF_THREE + bytes([5, 0, 255]))
    path.write_bytes(packed[: int(kept * len(packed))])
    message = error_message(path)
    assert "labels.gz" in message
    assert "cut short" in message


@pytest.mark.parametrize("place", [-6, 12])
def test_a_gz_file_with_a_damaged_byte_is_refused(tmp_path, place):
    path = tmp_path / "labels.gz"
    packed = bytearray(gzip.compress(HEADER_OF_THREE + bytes([5, 0, 255])))
    packed[place] ^= 0xFF
    path.write_bytes(packed)
    message = error_message(path)
    assert "labels.gz" in message
    assert "damaged" in message


@PLAIN_AND_GZIPPED
@pytest.mark.parametrize("shape", [(0, 28, 28), (5, 0, 28), (5, 28, 0), (2**32 - 1, 2**32 - 1, 0), (2**31, 28, 28)])
def test_an_absurd_shape_is_refused(tmp_path, name, shape):
    write(tmp_path / name, struct.pack(">4B3I", 0, 0, 8, 3, *shape))
    message = error_message(tmp_path / name, dimensions=3)
    assert f"{name} announces {shape[0]} x {shape[1]} x {shape[2]} numbers" in message
    assert "at least 1" in message


@pytest.mark.parametrize("announced", [3, LARGEST])
def test_a_bomb_is_not_unpacked_beyond_what_it_announces(tmp_path, announced):
    path = tmp_path / "labels.gz"
    length = 2**25 if announced == 3 else 0
    path.write_bytes(gzip.compress(struct.pack(">4BI", 0, 0, 8, 1, announced) + bytes(length)))
    tracemalloc.start()
    error_message(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**22


@pytest.mark.parametrize("name", ["labels", "labels.gz"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_not_a_file_is_refused(tmp_path, name, make):
    make(tmp_path / name)
    assert f"{name} is not a file" in error_message(tmp_path / name)
