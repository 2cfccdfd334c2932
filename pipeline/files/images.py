"""Labelled images as the stage `download` stores them in raw/: IDX files with MNIST's names.

Every dataset has `train`. Only datasets published with a test set have `t10k`.
"""

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.console.errors import UserError
from pipeline.files.idx import read_idx, write_idx
from pipeline.files.paths import shown

Part: TypeAlias = Literal["train", "t10k"]


class Images(NamedTuple):
    """Images and their labels."""

    pixels: NDArray[np.uint8]  # (n, rows, columns)
    labels: NDArray[np.uint8]  # (n,)


def file_names(part: Part) -> tuple[str, str]:
    """The names of the image and label files; the published ones also end in .gz."""
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


def write_images(directory: Path, part: Part, images: Images) -> None:
    """Write the two files of a part."""
    for name, values in zip(file_names(part), images, strict=True):
        write_idx(directory / name, values)


def read_images(directory: Path, part: Part) -> Images | None:
    """The images of a part, or None if the dataset has no such part. Raises UserError if a file is damaged."""
    found = [path for name in file_names(part) for path in directory.glob(f"{name}*")]
    if not found:
        return None
    if len(found) != len(file_names(part)):
        raise UserError(
            f"{shown(directory)}/ has {' and '.join(path.name for path in found)}, but needs one file of images and "
            f"one of labels for {part}: run `dvc repro --force download` to fetch them again"
        )
    images_file, labels_file = found
    pixels, labels = read_idx(images_file, dimensions=3), read_idx(labels_file, dimensions=1)
    if len(pixels) != len(labels):
        raise UserError(
            f"{images_file.name} has {len(pixels)} images and {labels_file.name} has {len(labels)} labels: "
            "they don't belong together; fetch both again from the same source"
        )
    return Images(pixels, labels)
