"""A trained network as an MLflow model: a file of code, two of arrays, and a signature; no pickle."""

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from pipeline.files.dataset import Dataset
from pipeline.files.model import NORMALISATION, WEIGHTS, Model
from pipeline.tracking.store import Store

CODE = Path(__file__).with_name("served_network.py")


def log_network(store: Store, run: str, model: Model, directory: Path, dataset: Dataset) -> None:
    """Log the network in a directory as its run's MLflow model, if that has not been done.

    `dataset` is the one that it was trained on; its first test image is the MLflow model's example.
    """
    if store.network(run, model.sha256):
        return
    with TemporaryDirectory() as place:
        files = Path(place) / "model"
        brightest = max(int(part.pixels.max()) for part in dataset.parts.values())
        save_network(directory, dataset.parts["test"].pixels[:1], brightest, files)
        tags = {"model_sha256": model.sha256, "data_md5": model.about.data_md5}
        store.log_network(run, files, tags, model.config, model.training.iterations)


def is_servable(model: Model) -> bool:
    """Whether a network can be an MLflow model.

    Not after a training that diverged, which left no network to ask, nor with a `fault`: its outputs are not those of
    the code that is served.
    """
    return not model.training.diverged and model.config["fault"] is None


def save_network(directory: Path, example: NDArray[np.uint8], brightest: int, files: Path) -> None:
    """Write an MLflow model of the network in `directory` to the new directory `files`.

    `example` (1, d) is a raw image, and `brightest` what its pixels can be at most. `mlflow.pyfunc.log_model` would do
    the same, but to the store that is set globally, and with the paths of this machine.
    """
    import mlflow.pyfunc
    from mlflow.models import Model as MLmodel
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    # int64 is what a CSV of whole numbers is read as, and refuses null, which would become NaN in float64
    pixels = Schema([TensorSpec(np.dtype("int64"), (-1, example.shape[1]))])
    answers = Schema([ColSpec("long", "digit"), ColSpec("double", "probability")])
    description = MLmodel()
    mlflow.pyfunc.save_model(
        files,
        mlflow_model=description,
        python_model=str(CODE),
        artifacts={"weights": str(directory / WEIGHTS), "normalisation": str(directory / NORMALISATION)},
        model_config={"brightest": brightest},
        signature=ModelSignature(pixels, answers),
        input_example=example.astype("int64"),
        pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "numpy")],
    )
    flavor = description.flavors[mlflow.pyfunc.FLAVOR_NAME]
    flavor["model_code_path"] = CODE.name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    description.save(files / "MLmodel")
