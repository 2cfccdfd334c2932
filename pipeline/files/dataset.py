"""normalised/ on disk: the pixels and labels of each part, and the normalisation to apply."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.console.errors import UserError
from pipeline.core.arrays import Samples
from pipeline.core.normalisation import Affine
from pipeline.files.paths import shown

PARTS = ("train", "validation", "test")
ABOUT = "about.json"


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


def write_about(about: About, path: Path) -> None:
    """Write `about` as JSON."""
    path.write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")


def read_about(path: Path) -> About:
    """Read what `write_about` wrote."""
    values = json.loads(path.read_text(encoding="utf-8"))
    return About(**{**values, "image_shape": tuple(values["image_shape"])})


def load_dataset(directory: Path) -> Dataset:
    """The dataset in a directory. Raises UserError if there is none."""
    if not (directory / ABOUT).exists():
        raise UserError(f"{shown(directory)}/ has no normalised data: run `dvc repro normalise` to make it")
    load = {name: np.load(directory / f"{name}.npy") for name in ("shift", "scale")}
    parts = {
        name: Part(np.load(directory / f"{name}_pixels.npy"), np.load(directory / f"{name}_labels.npy"))
        for name in PARTS
    }
    return Dataset(parts, Affine(**load), read_about(directory / ABOUT))
