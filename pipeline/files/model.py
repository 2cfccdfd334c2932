"""model/ on disk: weights, normalisation, an example input, settings, and how the training went."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from pipeline.console.errors import UserError
from pipeline.core.arrays import Array
from pipeline.core.diagnosis.diagnosis import Diagnosed, Diagnosis
from pipeline.core.faults import Fault
from pipeline.core.network import Layer, Network
from pipeline.core.normalisation import Affine
from pipeline.core.training import Record, Training, Vitals
from pipeline.core.vitals import Signs
from pipeline.files.arrays import load_arrays, save_arrays
from pipeline.files.damage import reading
from pipeline.files.dataset import About, Dataset, read_about, write_about
from pipeline.files.paths import shown, write_whole

WEIGHTS, NORMALISATION, CONFIG, DATA = "weights.npz", "normalisation.npz", "config.json", "data.json"
HISTORY, VITALS, DIAGNOSIS = "history.csv", "vitals.csv", "diagnosis.json"
EXAMPLE = "example.npz"
NO_VITALS = b"\n"  # in VITALS, if the untrained network's loss was not finite
REMEDY = "restore it, or train again with `dvc repro train`"


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


def load_model(directory: Path) -> Model:
    """The model that `save_model` wrote to a directory. Raises UserError if there is none, or naming a damaged file."""
    if not (directory / WEIGHTS).exists():
        raise UserError(f"{shown(directory)}/ has no model: run `dvc repro train` to make one")
    with reading(directory / DATA, REMEDY):
        about = read_about(directory / DATA)
    with reading(directory / CONFIG, REMEDY):
        config = TypeAdapter(dict[str, Any]).validate_json((directory / CONFIG).read_bytes(), strict=True)
        TypeAdapter(Fault | None).validate_python(config["fault"])  # decides what the network predicts
    network = load_network(directory)
    check_for_data(directory, network, about)
    iterations, diagnosis = load_diagnosis(directory)
    vitals = load_vitals(directory, layers=len(network))
    training = Training(network, load_history(directory), vitals, diagnosis.outcome == "diverged", iterations)
    return Model(training, diagnosis, config, about, fingerprint(directory))


def load_network(directory: Path) -> Network:
    """The network in a model's directory. Raises UserError if its file is damaged."""
    with reading(directory / WEIGHTS, REMEDY):
        arrays = load_arrays(directory / WEIGHTS)
        depths = range(1, 1 + len(arrays) // len(Layer._fields))
        network = tuple(Layer(*(arrays[f"{name}{depth}"] for name in Layer._fields)) for depth in depths)
        if len(arrays) > len(network) * len(Layer._fields):
            raise ValueError("its arrays are not the weights and biases of layers")
        check_layers(network)
    return network


def check_layers(network: Network) -> None:
    """Raise ValueError unless the layers fit each other, in one type of floating-point numbers."""
    if {values.dtype for layer in network for values in layer} not in ({np.dtype("f4")}, {np.dtype("f8")}):
        raise ValueError("its arrays must all be float32, or all float64")
    for depth, (weights, bias) in enumerate(network, start=1):
        if weights.ndim != 2 or bias.shape != weights.shape[1:]:
            raise ValueError(f"weights{depth} of shape {weights.shape} don't fit bias{depth} of shape {bias.shape}")
    for depth, (layer, after) in enumerate(pairwise(network), start=1):
        if len(layer.bias) != len(after.weights):
            raise ValueError(
                f"layer {depth} has {len(layer.bias)} outputs, but the next has {len(after.weights)} inputs"
            )


def check_for_data(directory: Path, network: Network, about: About) -> None:
    """Raise UserError unless the network, the normalisation and the example are for data like this."""
    pixels = math.prod(about.image_shape)
    with reading(directory / WEIGHTS, REMEDY):
        if (len(network[0].weights), len(network[-1].bias)) != (pixels, about.classes):
            raise ValueError(f"its network is not for the {pixels} pixels and {about.classes} classes in {DATA}")
    with reading(directory / NORMALISATION, REMEDY):
        for values in Affine(**load_arrays(directory / NORMALISATION)):
            if values.dtype != np.float64 or values.shape not in ((), (pixels,)):
                raise ValueError(f"it holds {values.dtype} of shape {values.shape}")
    example, _ = load_example(directory)
    with reading(directory / EXAMPLE, REMEDY):
        if example.dtype != np.uint8 or example.shape != (1, pixels):
            raise ValueError(f"its pixels are {example.dtype} of shape {example.shape}")


def load_example(directory: Path) -> tuple[Array, int]:
    """The example image, pixels (1, d), and the value of the dataset's brightest pixel.

    Raises UserError if the file is damaged.
    """
    with reading(directory / EXAMPLE, REMEDY):
        example = load_arrays(directory / EXAMPLE)
        return example["pixels"], int(example["brightest"].item())


def load_diagnosis(directory: Path) -> tuple[int, Diagnosis]:
    """The number of iterations, and the diagnosis. Raises UserError if their file is damaged."""
    with reading(directory / DIAGNOSIS, REMEDY):
        values = json.loads((directory / DIAGNOSIS).read_bytes())
        iterations = TypeAdapter(int).validate_python(values.pop("iterations"))
        return iterations, TypeAdapter(Diagnosis).validate_python(values)


def load_history(directory: Path) -> list[Record]:
    """The history in a model's directory. Raises UserError if its file is damaged."""
    with reading(directory / HISTORY, REMEDY):
        table = load_numbers(directory / HISTORY, list(Record._fields))
        if not np.isfinite(table.to_numpy(float)).all():
            raise ValueError("a number is missing or infinite")
        return [Record(*row) for row in table.itertuples(index=False, name=None)]


def load_vitals(directory: Path, layers: int) -> list[Vitals]:
    """The vital signs in a model's directory. Raises UserError if their file is damaged."""
    with reading(directory / VITALS, REMEDY):
        if (directory / VITALS).read_bytes() == NO_VITALS:
            return []
        of_layers = (0.0,) * layers
        names = list(Vitals(0, 0.0, Signs(0.0, 0.0, of_layers[1:], of_layers, of_layers)).flat())
        table = load_numbers(directory / VITALS, names)
        rows = (dict(zip(names, row, strict=True)) for row in table.itertuples(index=False, name=None))
        return [Vitals.from_flat(row) for row in rows]


def load_numbers(path: Path, columns: list[str]) -> pd.DataFrame:
    """The table in a CSV. Raises ValueError, or what pandas does, unless it has numbers in exactly these columns."""
    if not path.read_bytes().endswith(b"\n"):
        raise ValueError("its last line is cut short")
    table = pd.read_csv(path)
    if list(table.columns) != columns or not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"its columns must be {', '.join(columns)}")
    kinds = [table[name].dtype.kind for name in columns]
    if len(table) and (kinds[0] not in "iu" or not set(kinds) <= set("iuf")):
        raise ValueError("something in it is not a number")
    return table


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
    """Write indented JSON, all of it or nothing. Raises ValueError for NaN and infinity, which JSON can't represent."""
    write_whole(path, (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())
