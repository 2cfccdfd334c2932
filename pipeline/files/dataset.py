"""normalised/ on disk: the pixels and labels of each part, and the normalisation to apply."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from pipeline.console.errors import UserError
from pipeline.core.arrays import Array, Samples
from pipeline.core.normalisation import Affine
from pipeline.files.arrays import load_array
from pipeline.files.damage import reading
from pipeline.files.paths import shown

PARTS = ("train", "validation", "test")
ABOUT, CHECKSUMS = "about.json", "sha256.json"
REMEDY = "run `dvc repro normalise`"


Positive: TypeAlias = Annotated[int, Field(ge=1)]


class Part(NamedTuple):
    """The samples of one part."""

    pixels: NDArray[np.uint8]  # (n, d), not yet normalised
    labels: NDArray[np.uint8]  # (n,)


ARRAYS = (*Affine._fields, *(f"{part}_{field}" for part in PARTS for field in Part._fields))
FILES = (ABOUT, *(f"{name}.npy" for name in ARRAYS))


@dataclass(frozen=True)
class About:
    """What the samples are, and which settings produced them."""

    settings: dict[str, Any]  # those that decide the data: the dataset's, and `normalise`
    data_md5: str  # of data/, as in data.dvc
    image_shape: tuple[Positive, Positive]  # rows and columns
    classes: Positive  # labels run from 0 to classes - 1

    @property
    def name(self) -> str:
        """The dataset's name."""
        return str(self.settings["dataset"]["name"])


@dataclass(frozen=True)
class Dataset:
    """A normalised dataset."""

    parts: dict[str, Part]
    affine: Affine
    about: About

    @cached_property
    def parts_sha256(self) -> str:
        """The sha256 of all pixels and labels, in whatever normalisation."""
        content = hashlib.sha256()
        for name in sorted(self.parts):
            for array in self.parts[name]:
                content.update(f"{name} {array.shape} {array.dtype}".encode())
                content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

    def samples(self, part: str, dtype: str) -> Samples:
        """A part, normalised, as input to the network."""
        pixels, labels = self.parts[part]
        return Samples(self.affine.apply(pixels, dtype), labels)


def save_dataset(dataset: Dataset, directory: Path) -> None:
    """Write the dataset to an empty directory."""
    for name, part in dataset.parts.items():
        np.save(directory / f"{name}_pixels.npy", part.pixels)
        np.save(directory / f"{name}_labels.npy", part.labels)
    np.save(directory / "shift.npy", dataset.affine.shift)
    np.save(directory / "scale.npy", dataset.affine.scale)
    write_about(dataset.about, directory / ABOUT)
    checksums = {file.name: sha256_of(file) for file in sorted(directory.iterdir())}
    (directory / CHECKSUMS).write_text(json.dumps(checksums, indent=2) + "\n", encoding="utf-8")


def sha256_of(file: Path) -> str:
    """The sha256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_about(about: About, path: Path) -> None:
    """Write `about` as JSON."""
    path.write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")


def read_about(path: Path) -> About:
    """Read what `write_about` wrote. Raises ValueError if it is something else."""
    about = TypeAdapter(About).validate_json(path.read_bytes(), strict=True)
    dataset = about.settings.get("dataset")
    if not isinstance(dataset, dict) or "name" not in dataset or "normalise" not in about.settings:
        raise ValueError("its settings lack the dataset's name or its normalisation")
    return about


def load_dataset(directory: Path) -> Dataset:
    """The dataset in a directory. Raises UserError if there is none, or if it was changed since it was written."""
    if not (directory / ABOUT).exists():
        raise UserError(f"{shown(directory)}/ has no normalised data: {REMEDY} to make it")
    check_unchanged(directory)
    with reading(directory / ABOUT, REMEDY):
        about = read_about(directory / ABOUT)
    parts = {name: load_part(directory, name, about) for name in PARTS}
    per_pixel = (math.prod(about.image_shape),)
    shift, scale = (
        load(directory / f"{name}.npy", np.float64, lambda shape: shape in ((), per_pixel)) for name in Affine._fields
    )
    return Dataset(parts, Affine(shift, scale), about)


def load_part(directory: Path, name: str, about: About) -> Part:
    """A part of the dataset in a directory. Raises UserError if it isn't as described."""
    size, labels_file = math.prod(about.image_shape), directory / f"{name}_labels.npy"
    pixels = load(directory / f"{name}_pixels.npy", np.uint8, lambda shape: shape[0:1] != (0,) and shape[1:] == (size,))
    labels = load(labels_file, np.uint8, lambda shape: shape == pixels.shape[:1])
    with reading(labels_file, REMEDY):
        if labels.max() >= about.classes:
            raise ValueError(f"it has the label {labels.max()}, but there are {about.classes} classes")
    return Part(pixels, labels)


def load(path: Path, dtype: type, fits: Callable[[tuple[int, ...]], bool]) -> Array:
    """The array in a file. Raises UserError unless it has this type and its shape fits."""
    with reading(path, REMEDY):
        array = load_array(path)
        if array.dtype != dtype or not fits(array.shape):
            raise ValueError(f"it holds {array.dtype} of shape {array.shape}")
    return array


def check_unchanged(directory: Path) -> None:
    """Raise UserError for a file that isn't as `save_dataset` wrote it."""
    with reading(directory / CHECKSUMS, REMEDY):
        checksums = TypeAdapter(dict[str, str]).validate_json((directory / CHECKSUMS).read_bytes(), strict=True)
        if checksums.keys() != set(FILES):
            raise ValueError(f"it must list {', '.join(FILES)}")
    changed = []
    for name in FILES:
        with reading(directory / name, REMEDY):
            if sha256_of(directory / name) != checksums[name]:
                changed.append(name)
    if changed:
        names = ", ".join(changed)
        raise UserError(f"{shown(directory)}/ was changed after `normalise` wrote it ({names}): {REMEDY}")
