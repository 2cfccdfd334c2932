"""The IDX format, in which MNIST is published: http://yann.lecun.com/exdb/mnist/, at the foot of the page.

A file begins with two zero bytes, a byte for the type of the numbers (8: unsigned bytes, the only one that images
and labels need), a byte that counts the dimensions, and each dimension's length in four bytes, big end first.
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
    """The numbers in an IDX file, plain or .gz; 3 dimensions for images, 1 for labels.

    Raises UserError for a file that is damaged or holds something else.
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
    """Write a plain IDX file: no compression, whose bytes would depend on the zlib at hand."""
    header = struct.pack(f">HBB{values.ndim}I", 0, UNSIGNED_BYTES, values.ndim, *values.shape)
    path.write_bytes(header + values.tobytes())
