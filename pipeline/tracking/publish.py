"""Publishing in MLflow what the directories of trainings and sweeps hold: see pipeline/kept/.

`publish` is idempotent. It finds a run by the tag `kept_id`, or by what the run is, and adds only what is missing.
A run in MLflow's trash stays there.
"""

from pathlib import Path

from pipeline.kept.directories import SWEEP, readable
from pipeline.tracking.store import Store
from pipeline.tracking.sweeps import publish_sweep
from pipeline.tracking.trainings import publish_training


def publish(store: Store, directory: Path) -> str:
    """Publish the directory of a training or a sweep. Returns the run's id.

    Raises UserError if the directory can't be read, and what MLflow raises if its store fails.
    """
    with readable(directory):
        if (directory / SWEEP).exists():
            return publish_sweep(store, directory)
        return publish_training(store, directory)
