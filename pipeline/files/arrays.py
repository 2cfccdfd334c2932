"""NumPy's files, npy and npz, read so that a damaged one can't take more memory than it has bytes."""

import math
from io import BytesIO
from pathlib import Path
from typing import IO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from pipeline.core.arrays import Array


def save_arrays(arrays: dict[str, Array], path: Path) -> None:
    """Write an npz file. Unlike `numpy.savez`, this gives the same bytes in every version of Python."""
    with ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            content = BytesIO()
            np.save(content, values, allow_pickle=False)
            archive.writestr(ZipInfo(f"{name}.npy"), content.getvalue())


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays that `save_arrays` wrote, by name. Raises ValueError, or what zipfile does, if they are damaged."""
    size = path.stat().st_size
    with ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != ZIP_STORED or member.compress_size > size for member in members):
            raise ValueError("its arrays are compressed, or longer than the file")
        contents = {member.filename.removesuffix(".npy"): archive.read(member) for member in members}
    return {name: array_in(BytesIO(content), len(content)) for name, content in contents.items()}


def load_array(path: Path) -> Array:
    """The array in an npy file. Raises ValueError if it is damaged."""
    with path.open("rb") as file:
        return array_in(file, path.stat().st_size)


def array_in(file: IO[bytes], size: int) -> Array:
    """The array in an open npy file of this many bytes. Raises ValueError if the header announces another size."""
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    announced, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if announced != held:
        raise ValueError(f"it announces {announced} bytes but holds {held}")
    file.seek(0)
    array: Array = np.load(file, allow_pickle=False)
    return array
