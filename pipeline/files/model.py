"""model/ on disk: the weights, the settings that they came from, the history and the outcome of the training."""

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import pandas as pd

from pipeline.core.arrays import Array
from pipeline.core.network import Layer, Network
from pipeline.core.training import Record, Training
from pipeline.errors import UserError
from pipeline.files.dataset import About, read_about, write_about
from pipeline.files.paths import shown

WEIGHTS, CONFIG, DATA, HISTORY, OUTCOME = "weights.npz", "config.json", "data.json", "history.csv", "outcome.json"


@dataclass(frozen=True)
class Model:
    """A trained network and all that is known of its training."""

    training: Training
    config: dict[str, Any]  # the settings that decide it, named as one types them
    about: About  # the data that it was trained on
    sha256: str


def save_model(training: Training, config: dict[str, Any], about: About, directory: Path) -> None:
    """Write a training, its settings and its data's to an empty directory: no pickle, no time, no compression."""
    weights = {
        f"{name}{depth}": values
        for depth, layer in enumerate(training.network, start=1)
        for name, values in layer._asdict().items()
    }
    save_arrays(weights, directory / WEIGHTS)
    history = pd.DataFrame(training.history, columns=Record._fields)
    history.to_csv(directory / HISTORY, index=False, lineterminator="\n")
    write_json(directory / CONFIG, config)
    write_about(about, directory / DATA)
    write_json(directory / OUTCOME, {"outcome": training.outcome, "iterations": training.iterations})


def save_arrays(arrays: dict[str, Array], path: Path) -> None:
    """Write what `numpy.load` reads, with the same bytes in every version of Python, which `numpy.savez` does not."""
    with ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            content = BytesIO()
            np.save(content, values, allow_pickle=False)
            archive.writestr(ZipInfo(f"{name}.npy"), content.getvalue())


def load_model(directory: Path) -> Model:
    """The model in a directory that `save_model` wrote. Raises UserError where there is none."""
    if not (directory / WEIGHTS).exists():
        raise UserError(f"{shown(directory)}/ has no model: `dvc repro train` makes it")
    history = [Record(*row) for row in pd.read_csv(directory / HISTORY).itertuples(index=False, name=None)]
    outcome = json.loads((directory / OUTCOME).read_text())
    training = Training(load_network(directory), history, **outcome)
    config = json.loads((directory / CONFIG).read_text())
    return Model(training, config, read_about(directory / DATA), fingerprint(directory))


def load_network(directory: Path) -> Network:
    """The network in a model's directory."""
    with np.load(directory / WEIGHTS, allow_pickle=False) as weights:
        depths = range(1, 1 + len(weights.files) // len(Layer._fields))
        return tuple(Layer(*(weights[f"{name}{depth}"] for name in Layer._fields)) for depth in depths)


def fingerprint(directory: Path) -> str:
    """The sha256 of a model: of its settings and its weights, byte by byte."""
    return hashlib.sha256(b"".join((directory / name).read_bytes() for name in (CONFIG, WEIGHTS))).hexdigest()


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write readable JSON; raises ValueError for a NaN or an infinity, which JSON does not know."""
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")
