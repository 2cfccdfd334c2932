"""The IDX format of MNIST, described at the bottom of http://yann.lecun.com/exdb/mnist/.

A file starts with two zero bytes, one byte for the type of its numbers (8 is unsigned bytes, the only type that images
and labels need), one byte for the number of dimensions, and the length of each dimension as four big-endian bytes.
The numbers follow.
"""

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.console.errors import UserError

UNSIGNED_BYTES = 8
LARGEST = 2**30  # numbers in a file; MNIST has a twentieth of that
CHUNK = 2**20  # bytes


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The numbers in an IDX file, plain or gzipped; images have 3 dimensions, labels 1.

    Reads no more than the header announces. Raises UserError if the file is damaged or contains something else.
    """
    if not path.is_file():
        raise UserError(f"{path.name} is not a file: remove it, and fetch the dataset again")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return numbers_in(file, dimensions, path.name)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path.name} can't be read ({error}): it is damaged or cut short; fetch it again") from None


def numbers_in(file: BufferedIOBase, dimensions: int, name: str) -> NDArray[np.uint8]:
    """The numbers in an open IDX file. Raises UserError if it contains something else."""
    shape = announced_shape(file, dimensions, name)
    announced = math.prod(shape)
    if not 1 <= announced <= LARGEST:
        raise UserError(
            f"{name} announces {' x '.join(map(str, shape))} numbers, but an IDX file has at least 1 and at most "
            f"{LARGEST}: it is damaged; fetch it again"
        )
    content = bytearray()
    while len(content) <= announced and (chunk := file.read(min(CHUNK, announced + 1 - len(content)))):
        content += chunk
    if len(content) != announced:
        held = "more" if len(content) > announced else len(content)
        raise UserError(f"{name} announces {announced} numbers but holds {held}: it is damaged; fetch it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def announced_shape(file: BufferedIOBase, dimensions: int, name: str) -> tuple[int, ...]:
    """The shape in the header of an open IDX file. Raises UserError if there is none."""
    magic, found = struct.pack(">HBB", 0, UNSIGNED_BYTES, dimensions), file.read(4)
    if found != magic:
        raise UserError(
            f"{name} is not an IDX file of unsigned bytes with {dimensions} dimension{'s' if dimensions > 1 else ''}: "
            f"it begins with {found.hex() or 'nothing'}, not {magic.hex()}; fetch it again"
        )
    lengths = file.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise UserError(f"{name} ends inside its header: it was cut short; fetch it again")
    return struct.unpack(f">{dimensions}I", lengths)


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write a plain IDX file; compressed bytes would depend on the version of zlib."""
    header = struct.pack(f">HBB{values.ndim}I", 0, UNSIGNED_BYTES, values.ndim, *values.shape)
    path.write_bytes(header + values.tobytes())
