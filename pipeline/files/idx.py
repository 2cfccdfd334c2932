"""The IDX format of MNIST, described at the bottom of http://yann.lecun.com/exdb/mnist/.

A file starts with two zero bytes, one byte for the type of its numbers (8 is unsigned bytes, the only type that images
and labels need), one byte for the number of dimensions, and the length of each dimension as four big-endian bytes.
The numbers follow.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.console.errors import UserError

UNSIGNED_BYTES = 8


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The numbers in an IDX file, plain or gzipped; images have 3 dimensions, labels 1.

    Raises UserError if the file is damaged or contains something else.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(
            f"{path.name} can't be unpacked ({error}): it is damaged or cut short; fetch it again"
        ) from None
    magic = struct.pack(">HBB", 0, UNSIGNED_BYTES, dimensions)
    if content[:4] != magic:
        raise UserError(
            f"{path.name} begins with {content[:4].hex() or 'nothing'}, but an IDX file of unsigned bytes in "
            f"{dimensions} dimension(s) begins with {magic.hex()}: its name does not match its content"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise UserError(f"{path.name} ends inside its header: it was cut short; fetch it again")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise UserError(
            f"{path.name} announces {math.prod(shape)} numbers but holds {len(content) - start}: "
            "it is damaged; fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write a plain IDX file; compressed bytes would depend on the version of zlib."""
    header = struct.pack(f">HBB{values.ndim}I", 0, UNSIGNED_BYTES, values.ndim, *values.shape)
    path.write_bytes(header + values.tobytes())
