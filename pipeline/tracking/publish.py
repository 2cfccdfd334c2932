"""Filling MLflow from the directories of finished trainings and of sweeps: see `kept`.

`publish` is idempotent. It finds the run again by the tag `kept_id`, or by what it is, and adds only what is not there.
A run that lies in MLflow's trash stays there.
"""

from pathlib import Path

from pipeline.tracking.kept import SWEEP, readable
from pipeline.tracking.store import Store
from pipeline.tracking.sweeps import publish_sweep
from pipeline.tracking.trainings import publish_training


def publish(store: Store, directory: Path) -> str:
    """Let MLflow have what is in the directory of a training or a sweep; the run's id.

    Raises UserError for what can't be read, and what MLflow raises where its store does not answer.
    """
    with readable(directory):
        if (directory / SWEEP).exists():
            return publish_sweep(store, directory)
        return publish_training(store, directory)
