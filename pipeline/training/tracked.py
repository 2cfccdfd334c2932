"""One training, shown on the console and tracked in MLflow: for the stage, and for whatever trains point by point."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.training import Record
from pipeline.datasets.normalised import check_against_data
from pipeline.files.dataset import Dataset
from pipeline.files.model import save_model
from pipeline.files.paths import replaced
from pipeline.settings.schema import Settings
from pipeline.tracking.trainings import training_run
from pipeline.training.fit import fit


def train_and_show(chosen: Settings, dataset: Dataset, log: Callable[[Record], None]) -> Diagnosed:
    """Train with a bar that shows how far it is; each row of the history is logged as soon as it is there."""
    with tqdm(total=chosen.iterations, unit="it", disable=None) as bar:

        def observe(iteration: int, rows: list[Record]) -> None:
            for row in rows:
                log(row)
                bar.set_postfix(loss=f"{row.loss:.4f}", accuracy=f"{row.accuracy:.1%}", refresh=False)
            bar.update(iteration - bar.n)

        [diagnosed] = fit([chosen], dataset, os.cpu_count() or 1, observe)
    return diagnosed


class Tracked(NamedTuple):
    """A training, and its run's id in MLflow."""

    diagnosed: Diagnosed
    run: str


def train_and_track(chosen: Settings, dataset: Dataset, directory: Path, tags: dict[str, str] | None = None) -> Tracked:
    """Train, show and track it, with some tags of its own in MLflow, and write the model to `directory`."""
    check_against_data(chosen, dataset)
    config = chosen.of_the_model()
    with training_run(config, dataset.about, tags or {}) as tracked:
        diagnosed = train_and_show(chosen, dataset, tracked.log)
        with replaced(directory) as partial:
            save_model(diagnosed, config, dataset, partial)
        tracked.add_model(diagnosed, directory)
    return Tracked(diagnosed, tracked.run)
