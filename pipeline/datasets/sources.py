"""Import each kind of dataset into a directory, as IDX files."""

import os
from pathlib import Path

import numpy as np

from pipeline.console.errors import UserError
from pipeline.datasets.fetch import Published, fetch, is_url
from pipeline.datasets.labelled_csv import read_labelled_csv, refuse_non_csv
from pipeline.files.images import Images, file_names, read_images, write_images
from pipeline.files.paths import project_root
from pipeline.settings.schema import Checksums, Csv, Digits, Idx


def import_dataset(dataset: Digits | Idx | Csv, directory: Path) -> list[int]:
    """Import a dataset into an empty directory, and return the number of images in each part.

    Raises UserError if it can't be fetched, or if its files are damaged or don't belong together.
    """
    match dataset:
        case Digits():
            import_digits(directory)
        case Idx():
            import_idx(dataset, directory)
        case Csv():
            import_csv(dataset, directory)
    return check(directory)


def import_digits(directory: Path) -> None:
    """Write the digits that ship with scikit-learn: 1797 images of 8 x 8 pixels, 0 to 16."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    write_images(directory, "train", Images(digits.images.astype(np.uint8), digits.target.astype(np.uint8)))


def import_idx(dataset: Idx, directory: Path) -> None:
    """Fetch the four published files from `source`, or from the mirrors if that is null."""
    if dataset.source is None:
        sources = dataset.mirrors
    else:
        sources = [dataset.source if is_url(dataset.source) else str(from_project(dataset.source))]
    slowest = 1000 * dataset.min_kilobytes_per_second
    for file in published(dataset):
        sources = fetch(file, sources, directory, slowest)


def published(dataset: Idx) -> list[Published]:
    """The four published files."""
    names = [f"{name}.gz" for name in (*file_names("train"), *file_names("t10k"))]
    pins = [(getattr(dataset.bytes, file), getattr(dataset.sha256, file)) for file in Checksums.model_fields]
    return [Published(name, *pin) for name, pin in zip(names, pins, strict=True)]


def import_csv(dataset: Csv, directory: Path) -> None:
    """Convert the images in a CSV."""
    rows, columns = dataset.image_shape
    write_images(directory, "train", read_labelled_csv(from_project(dataset.path), dataset.label, (rows, columns)))


def file_of(dataset: Digits | Idx | Csv) -> Path | None:
    """The file that a dataset comes from, if its content may change. Raises UserError if it is not there."""
    if not isinstance(dataset, Csv):
        return None
    path = from_project(dataset.path)
    refuse_non_csv(path)
    return path


def check(directory: Path) -> list[int]:
    """The number of images in each part. Raises UserError if files are damaged or don't belong together."""
    parts = [part for part in (read_images(directory, "train"), read_images(directory, "t10k")) if part is not None]
    shapes = {part.pixels.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise UserError(f"training and test images differ in shape ({shapes}): use files from one dataset")
    return [len(part.labels) for part in parts]


def from_project(path: str) -> Path:
    """A user's path; if relative, it starts at the project, since DVC may run this in a temporary checkout."""
    return project_root() / os.path.expanduser(path)  # noqa: PTH111 (pathlib's raises for an unknown user)
