"""The one experiment in MLflow in which all runs are."""

from typing import TYPE_CHECKING

from filelock import FileLock

from pipeline.files.paths import project_root
from pipeline.tracking.address import artifact_location
from pipeline.tracking.view import NOTE, VIEWS

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "numpy-mlp"


def experiment_id(client: "MlflowClient") -> str:
    """The experiment's id. It is made, or brought back out of MLflow's trash, where need be."""
    from mlflow.exceptions import MlflowException

    with lock():
        known = client.get_experiment_by_name(EXPERIMENT)
        if known is None:
            try:
                return str(client.create_experiment(EXPERIMENT, artifact_location(), VIEWS | NOTE))
            except MlflowException:  # somebody else's process, on another machine, was faster
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
    """One process at a time: two that make a SQLite store at once break it, and two may fill in the same run.

    Whoever has it may take it once more.
    """
    return FileLock(project_root() / ".mlflow.lock", is_singleton=True)
