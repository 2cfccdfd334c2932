"""A trained network as an MLflow model: a file of code, two of arrays, and a signature; no pickle."""

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.files.model import NORMALISATION, WEIGHTS, Model, load_example
from pipeline.tracking.store import Store

CODE = Path(__file__).with_name("served_network.py")


def log_served_model(store: Store, run: str, model: Model, directory: Path) -> str:
    """Log the network in a directory as its run's MLflow model, unless it has one. Returns the model's id."""
    if known := store.model_of(run, model.sha256):
        return known
    with TemporaryDirectory() as place:
        files = Path(place) / "model"
        save_served_model(directory, files)
        tags = {"model_sha256": model.sha256, "data_md5": model.about.data_md5}
        return store.log_model(run, files, tags, model.config, model.training.iterations)


def is_servable(model: Model) -> bool:
    """Whether a network can be served.

    A diverged training leaves nothing worth asking, and the code that is served has no `fault`.
    """
    return not model.training.diverged and model.config["fault"] is None


def save_served_model(directory: Path, files: Path) -> None:
    """Write the network in a directory as an MLflow model into the new directory `files`.

    `mlflow.pyfunc.log_model` would log to the store that is set globally, and record this machine's paths.
    """
    import mlflow.pyfunc
    from mlflow.models import Model as MLmodel
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    example, brightest = load_example(directory)
    # A CSV of whole numbers is read as int64, which refuses null; float64 would turn null into NaN.
    pixels = Schema([TensorSpec(np.dtype("int64"), (-1, example.shape[1]))])
    answers = Schema([ColSpec("long", "digit"), ColSpec("double", "probability")])
    description = MLmodel()
    mlflow.pyfunc.save_model(
        files,
        mlflow_model=description,
        python_model=str(CODE),
        artifacts={"weights": (directory / WEIGHTS).as_uri(), "normalisation": (directory / NORMALISATION).as_uri()},
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
