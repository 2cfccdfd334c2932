"""normalised/ on disk: the pixels and labels of each part, and the normalisation to apply."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.console.errors import UserError
from pipeline.core.arrays import Samples
from pipeline.core.normalisation import Affine
from pipeline.files.paths import shown

PARTS = ("train", "validation", "test")
ABOUT, CHECKSUMS = "about.json", "sha256.json"


class Part(NamedTuple):
    """The samples of one part."""

    pixels: NDArray[np.uint8]  # (n, d), not yet normalised
    labels: NDArray[np.uint8]  # (n,)


@dataclass(frozen=True)
class About:
    """What the samples are, and which settings produced them."""

    settings: dict[str, Any]  # those that decide the data: the dataset's, and `normalise`
    data_md5: str  # of data/, as in data.dvc
    image_shape: tuple[int, int]  # rows and columns
    classes: int  # labels run from 0 to classes - 1

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
    """Read what `write_about` wrote."""
    values = json.loads(path.read_text(encoding="utf-8"))
    return About(**{**values, "image_shape": tuple(values["image_shape"])})


def load_dataset(directory: Path) -> Dataset:
    """The dataset in a directory. Raises UserError if there is none, or if it was changed since it was written."""
    if not (directory / ABOUT).exists():
        raise UserError(f"{shown(directory)}/ has no normalised data: run `dvc repro normalise` to make it")
    check_unchanged(directory)
    load = {name: np.load(directory / f"{name}.npy") for name in ("shift", "scale")}
    parts = {
        name: Part(np.load(directory / f"{name}_pixels.npy"), np.load(directory / f"{name}_labels.npy"))
        for name in PARTS
    }
    return Dataset(parts, Affine(**load), read_about(directory / ABOUT))


def check_unchanged(directory: Path) -> None:
    """Raise UserError for a file that isn't as `save_dataset` wrote it."""
    try:
        checksums = json.loads((directory / CHECKSUMS).read_text(encoding="utf-8"))
        changed = [name for name, sha256 in checksums.items() if sha256_of(directory / name) != sha256]
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{shown(directory)}/ can't be read ({error}): run `dvc repro normalise`") from None
    if changed:
        names = ", ".join(changed)
        raise UserError(
            f"{shown(directory)}/ was changed after `normalise` wrote it ({names}): run `dvc repro normalise`"
        )
