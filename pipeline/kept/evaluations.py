"""A model's evaluation, added to the directory of its training.

The model's hash finds that directory. DVC's outputs can't hold an id, which would differ each time.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.files.model import Model
from pipeline.files.paths import METRICS, replaced
from pipeline.kept.directories import MODEL, REPORT, KeptTraining, keep, kept_trainings, new_id, read_training, write
from pipeline.kept.process import owner


def kept_with_report(model: Model, directory: Path, report: Path, origin: Mapping[str, str]) -> Path:
    """Add a report to the directory of a model's training. Returns the directory.

    If there is none, as on another machine, it is made, with the tag `filled_in` and what is known of the origin.
    """
    kept = kept_training_of(model, origin["dvc_exp_name"])
    if kept is None:
        now = time.time()
        tags = {
            **origin,
            **owner(),
            "filled_in": "true",
            "data_md5": model.about.data_md5,
            "model_sha256": model.sha256,
        }
        kept = keep(KeptTraining(new_id(), now, now, tags), {MODEL: directory}, {})
    add_report(kept, report, time.time())
    return kept


def add_report(directory: Path, report: Path, now: float) -> None:
    """Add a report to a training. If its metrics haven't changed, it keeps its time."""
    training = read_training(directory)
    before = directory / REPORT / METRICS
    if training.evaluated is not None and before.read_bytes() == (report / METRICS).read_bytes():
        now = training.evaluated
    with replaced(directory / REPORT) as partial:
        shutil.copytree(report, partial, dirs_exist_ok=True)
    write(replace(training, evaluated=now), directory)


def kept_training_of(model: Model, experiment: str) -> Path | None:
    """The directory of the newest training of a model, preferably one of the same DVC experiment."""
    same = [
        (directory, training.tags)
        for directory, training in kept_trainings()
        if training.tags.get("model_sha256") == model.sha256 and training.tags.get("data_md5") == model.about.data_md5
    ]
    of_the_experiment = (directory for directory, tags in same if tags.get("dvc_exp_name") == experiment)
    return next(of_the_experiment, next((directory for directory, _ in same), None))
