"""The evaluation of a model, added to what is kept of its training.

A training is found again by what it is, its model's hash. Its id stands in no output of DVC: it would differ at every
training.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from pipeline.files.model import Model
from pipeline.tracking.kept import MODEL, KeptTraining, add_report, keep, kept_trainings, new_id
from pipeline.tracking.processes import keeper
from pipeline.tracking.provenance import experiment_name
from pipeline.tracking.publisher import Publisher


def publish_evaluation(model: Model, directory: Path, report: Path) -> str:
    """Keep and publish the evaluation of the model in a directory; in words, what became of it."""
    kept = kept_with_report(model, directory, report, {"dvc_exp_name": experiment_name()})
    if not Publisher().publish(kept):
        return "wait in unpublished/ until MLflow can be reached"
    return "are in the model's run in MLflow"


def kept_with_report(model: Model, directory: Path, report: Path, origin: Mapping[str, str]) -> Path:
    """Where a model's training is kept, with a report.

    Where it is not (another machine, a model out of DVC's cache), it is kept from now on, with the tag `filled_in` and
    the tags that are known of its origin.
    """
    kept = kept_training_of(model, origin["dvc_exp_name"])
    if kept is None:
        now = time.time()
        tags = {
            **origin,
            **keeper(),
            "filled_in": "true",
            "data_md5": model.about.data_md5,
            "model_sha256": model.sha256,
        }
        kept = keep(KeptTraining(new_id(), now, now, tags), {MODEL: directory}, {})
    add_report(kept, report, time.time())
    return kept


def kept_training_of(model: Model, experiment: str) -> Path | None:
    """Where the newest training that made a model is kept: one of the same DVC experiment before all others."""
    same = [
        (directory, training.tags)
        for directory, training in kept_trainings()
        if training.tags["model_sha256"] == model.sha256 and training.tags["data_md5"] == model.about.data_md5
    ]
    of_the_experiment = (directory for directory, tags in same if tags["dvc_exp_name"] == experiment)
    return next(of_the_experiment, next((directory for directory, _ in same), None))
