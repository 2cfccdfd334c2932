"""The MLflow experiment that holds every run."""

from typing import TYPE_CHECKING

from filelock import FileLock

from pipeline.files.paths import project_root
from pipeline.tracking.address import is_a_server, store_uri
from pipeline.tracking.view import OF_THE_EXPERIMENT, VIEWS

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "numpy-mlp"


def experiment_id(client: "MlflowClient") -> str:
    """The experiment's id. Makes the experiment, or restores it from MLflow's trash, if necessary."""
    from mlflow.exceptions import MlflowException

    with lock():
        known = client.get_experiment_by_name(EXPERIMENT)
        if known is None:
            try:
                # Absolute: a relative path would change with who makes the store. A server chooses its own.
                place = None if is_a_server(store_uri()) else (project_root() / "mlartifacts").as_uri()
                return str(client.create_experiment(EXPERIMENT, place, VIEWS | OF_THE_EXPERIMENT))
            except MlflowException:  # another machine's process was faster
                known = client.get_experiment_by_name(EXPERIMENT)
                if known is None:
                    raise
        if known.lifecycle_stage == "deleted":
            client.restore_experiment(known.experiment_id)
        for key, view in VIEWS.items():
            if known.tags.get(key) != view:
                client.set_experiment_tag(known.experiment_id, key, view)
    return str(known.experiment_id)


def lock() -> FileLock:
    """The lock for one process at a time: two that make a SQLite store at once break it.

    A process that holds it can take it again.
    """
    return FileLock(project_root() / ".mlflow.lock", is_singleton=True)
