"""A trained model with its evaluation: what model/ and report/ hold together."""

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.files.model import Model, load_model

METRICS = "metrics.json"


@dataclass(frozen=True)
class Evaluated:
    """A model, its evaluation, and where both are."""

    model: Model
    directory: Path  # the model's
    report: Path
    metrics: dict[str, float]  # of the evaluation


def load_evaluated(directory: Path, report: Path) -> Evaluated:
    """What a model's directory and a report's hold. Raises UserError where there is no model."""
    metrics = json.loads((report / METRICS).read_text(encoding="utf-8"))
    return Evaluated(load_model(directory), directory, report, metrics)
