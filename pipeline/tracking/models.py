"""A trained network as an MLflow model: a file of code, two of arrays, and a signature; no pickle."""

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.files.dataset import Dataset
from pipeline.files.model import NORMALISATION, WEIGHTS, Model
from pipeline.tracking.store import Store, as_typed

if TYPE_CHECKING:
    import mlflow.models

CODE = Path(__file__).with_name("served_network.py")
NAME = "network"


def log_network(store: Store, run: str, model: Model, directory: Path, dataset: Dataset) -> str:
    """Log the network in a directory as its run's MLflow model, if that has not been done; the MLflow model's id.

    `dataset` is the one that it was trained on; its first test image is the MLflow model's example.
    """
    from mlflow.entities import LoggedModelOutput

    if known := model_of(store, run, model.sha256):
        return known
    with TemporaryDirectory() as place:
        files = Path(place) / "model"
        brightest = max(int(part.pixels.max()) for part in dataset.parts.values())
        description = save_network(directory, dataset.parts["test"].pixels[:1], brightest, files)
        params = {name: as_typed(value) for name, value in model.config.items()}
        tags = {"model_sha256": model.sha256, "data_md5": model.about.data_md5}
        logged = str(store.client.create_logged_model(store.experiment, NAME, run, tags, params).model_id)
        description.run_id, description.model_id, description.model_uuid = run, logged, logged
        description.save(files / "MLmodel")
        store.client.log_model_artifacts(logged, str(files))
    store.client.finalize_logged_model(logged, "READY")
    store.client.log_outputs(run, [LoggedModelOutput(logged, model.training.iterations)])
    return logged


def is_servable(model: Model) -> bool:
    """Whether a network can be an MLflow model.

    Not after a training that diverged, which left no network to ask, nor with a `fault`: its outputs are not those of
    the code that is served.
    """
    return not model.training.diverged and model.config["fault"] is None


def model_of(store: Store, run: str, sha256: str) -> str | None:
    """The id of the run's MLflow model that has this network, if it was logged whole."""
    same = f"source_run_id = '{run}' AND tags.model_sha256 = '{sha256}'"
    logged = store.client.search_logged_models([store.experiment], same)
    return next((str(model.model_id) for model in logged if model.status == "READY"), None)


def save_network(directory: Path, example: NDArray[np.uint8], brightest: int, files: Path) -> "mlflow.models.Model":
    """Write an MLflow model of the network in `directory` to the new directory `files`; what its MLmodel says.

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
    return description
