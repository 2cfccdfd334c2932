"""A run's model, downloaded from MLflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.files.model import Model, load_model, require_sha256
from pipeline.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run


@contextmanager
def downloaded_model(store: Store, run: "Run") -> Iterator[tuple[Model, Path]]:
    """The model of a run, and the directory that holds it for now.

    Raises UserError if it is gone, or if it was changed since the training.
    """
    with TemporaryDirectory() as place:
        directory = store.download(run.info.run_id, "model", place)
        model = load_model(directory)
        require_sha256(model, run.data.tags.get("model_sha256", ""), f"of MLflow's run {run.info.run_id}")
        yield model, directory
