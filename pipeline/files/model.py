"""model/ on disk: weights, normalisation, an example input, settings, and how the training went."""

import hashlib
import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import pandas as pd

from pipeline.console.errors import UserError
from pipeline.core.arrays import Array
from pipeline.core.diagnosis.diagnosis import Diagnosed, Diagnosis
from pipeline.core.network import Layer, Network
from pipeline.core.training import Record, Training, Vitals
from pipeline.core.vitals import Signs
from pipeline.files.dataset import About, Dataset, read_about, write_about
from pipeline.files.paths import shown

WEIGHTS, NORMALISATION, CONFIG, DATA = "weights.npz", "normalisation.npz", "config.json", "data.json"
HISTORY, VITALS, DIAGNOSIS = "history.csv", "vitals.csv", "diagnosis.json"
EXAMPLE = "example.npz"


@dataclass(frozen=True)
class Model:
    """A trained network and everything known about its training."""

    training: Training
    diagnosis: Diagnosis
    config: dict[str, Any]  # the settings that decide it, named as on the command line
    about: About  # the data it was trained on
    sha256: str


def save_model(diagnosed: Diagnosed, config: dict[str, Any], dataset: Dataset, directory: Path) -> None:
    """Write a model to an empty directory.

    Without pickles, timestamps or compression, equal trainings give equal bytes.
    """
    training, diagnosis = diagnosed
    weights = {
        f"{name}{depth}": values
        for depth, layer in enumerate(training.network, start=1)
        for name, values in layer._asdict().items()
    }
    save_arrays(weights, directory / WEIGHTS)
    save_arrays(dataset.affine._asdict(), directory / NORMALISATION)
    save_example(dataset, directory / EXAMPLE)
    history = pd.DataFrame(training.history, columns=Record._fields)
    history.to_csv(directory / HISTORY, index=False, lineterminator="\n")
    write_json(directory / CONFIG, config)
    write_about(dataset.about, directory / DATA)
    vitals = pd.DataFrame([row.flat() for row in training.vitals])
    vitals.to_csv(directory / VITALS, index=False, lineterminator="\n")
    write_json(directory / DIAGNOSIS, {"iterations": training.iterations, **asdict(diagnosis)})


def save_example(dataset: Dataset, path: Path) -> None:
    """Write the first test image, not normalised, and the value of the dataset's brightest pixel."""
    brightest = max(int(part.pixels.max()) for part in dataset.parts.values())
    save_arrays({"pixels": dataset.parts["test"].pixels[:1], "brightest": np.array(brightest)}, path)


def load_example(directory: Path) -> tuple[Array, int]:
    """The example image, pixels (1, d), and the value of the dataset's brightest pixel."""
    with np.load(directory / EXAMPLE, allow_pickle=False) as example:
        return example["pixels"], int(example["brightest"])


def save_arrays(arrays: dict[str, Array], path: Path) -> None:
    """Write an npz file. Unlike `numpy.savez`, this gives the same bytes in every version of Python."""
    with ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            content = BytesIO()
            np.save(content, values, allow_pickle=False)
            archive.writestr(ZipInfo(f"{name}.npy"), content.getvalue())


def load_model(directory: Path) -> Model:
    """The model that `save_model` wrote to a directory. Raises UserError if there is none."""
    if not (directory / WEIGHTS).exists():
        raise UserError(f"{shown(directory)}/ has no model: run `dvc repro train` to make one")
    history = [Record(*row) for row in pd.read_csv(directory / HISTORY).itertuples(index=False, name=None)]
    diagnosis = json.loads((directory / DIAGNOSIS).read_text())
    iterations, diverged = diagnosis.pop("iterations"), diagnosis["outcome"] == "diverged"
    training = Training(load_network(directory), history, load_vitals(directory), diverged, iterations)
    config = json.loads((directory / CONFIG).read_text())
    return Model(training, Diagnosis(**diagnosis), config, read_about(directory / DATA), fingerprint(directory))


def load_network(directory: Path) -> Network:
    """The network in a model's directory."""
    with np.load(directory / WEIGHTS, allow_pickle=False) as weights:
        depths = range(1, 1 + len(weights.files) // len(Layer._fields))
        return tuple(Layer(*(weights[f"{name}{depth}"] for name in Layer._fields)) for depth in depths)


def load_vitals(directory: Path) -> list[Vitals]:
    """The vital signs in a model's directory."""
    try:
        table = pd.read_csv(directory / VITALS)
    except pd.errors.EmptyDataError:  # the untrained network's loss was not finite
        return []
    rows = (dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False, name=None))
    return [Vitals(row["iteration"], row["loss_to_start"], Signs.from_flat(row)) for row in rows]


def fingerprint(directory: Path) -> str:
    """The sha256 of a model's settings and weights."""
    return hashlib.sha256(b"".join((directory / name).read_bytes() for name in (CONFIG, WEIGHTS))).hexdigest()


def require_sha256(model: Model, sha256: str, whose: str) -> None:
    """Raise UserError if a model's sha256 is another one: its weights or settings were changed after the training."""
    if model.sha256 != sha256:
        raise UserError(
            f"the model {whose} was changed: its sha256 is {model.sha256}, but {sha256 or 'none'} was recorded"
        )


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write indented JSON. Raises ValueError for NaN and infinity, which JSON can't represent."""
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")
