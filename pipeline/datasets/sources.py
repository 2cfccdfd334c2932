"""Where each kind of dataset comes from, and how it becomes IDX files in a directory."""

import os
from pathlib import Path

import numpy as np

from pipeline.console.errors import UserError
from pipeline.datasets.fetch import fetch, is_url
from pipeline.files.images import Images, file_names, read_images, write_images
from pipeline.files.paths import project_root
from pipeline.settings.schema import Csv, Digits, Idx


def bring(dataset: Digits | Idx | Csv, directory: Path) -> list[int]:
    """Bring a dataset to an empty directory; how many images each of its parts has.

    Raises UserError where it can't be had, or where its files are damaged or don't belong together.
    """
    match dataset:
        case Digits():
            bring_digits(directory)
        case Idx():
            bring_idx(dataset, directory)
        case Csv():
            bring_csv(dataset, directory)
    return check(directory)


def bring_digits(directory: Path) -> None:
    """The digits that scikit-learn is installed with: 1797 images of 8 x 8 pixels from 0 to 16."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    write_images(directory, "train", Images(digits.images.astype(np.uint8), digits.target.astype(np.uint8)))


def bring_idx(dataset: Idx, directory: Path) -> None:
    """The four published files, from `source` or else from the mirrors."""
    if dataset.source is None:
        sources = dataset.mirrors
    else:
        sources = [dataset.source if is_url(dataset.source) else str(from_project(dataset.source))]
    pinned = dataset.sha256
    checksums = (pinned.train_images, pinned.train_labels, pinned.t10k_images, pinned.t10k_labels)
    for name, sha256 in zip((*file_names("train"), *file_names("t10k")), checksums, strict=True):
        fetch(f"{name}.gz", sha256, sources, directory)


def bring_csv(dataset: Csv, directory: Path) -> None:
    """The images in a CSV."""
    from pipeline.datasets.labelled_csv import read_labelled_csv

    rows, columns = dataset.image_shape
    write_images(directory, "train", read_labelled_csv(from_project(dataset.path), dataset.label, (rows, columns)))


def check(directory: Path) -> list[int]:
    """How many images each part has. Raises UserError for files that are damaged or don't belong together."""
    parts = [part for part in (read_images(directory, "train"), read_images(directory, "t10k")) if part is not None]
    shapes = {part.pixels.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise UserError(f"training and test images differ in shape ({shapes}): use files from one dataset")
    return [len(part.labels) for part in parts]


def from_project(path: str) -> Path:
    """A user's path, from the project where it is relative: DVC may run this in a temporary checkout."""
    return project_root() / os.path.expanduser(path)  # noqa: PTH111 (pathlib's raises for an unknown user)
