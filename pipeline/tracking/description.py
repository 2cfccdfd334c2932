"""A run's name and its description, as MLflow's UI shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.diagnosis.diagnosis import Diagnosis, as_markdown
from pipeline.settings.typed import as_typed
from pipeline.tracking.view import NOTE

# The settings of conf/config.yaml, which a name leaves out.
USUAL = {
    "dataset": "digits",
    "normalise": "standard",
    "hidden": [20],
    "init_scale": 0.01,
    "reduction": "mean",
    "batch_size": None,
    "precision": "portable",
    "seed": 0,
    "fault": None,
}
LINKED = 5  # points of a sweep


def name_of(config: Mapping[str, Any]) -> str:
    """A training's name: alpha, initialisation, iterations, and whatever else is not as usual."""
    others = [f"{name} {as_typed(config[name]).strip('[]')}" for name, usual in USUAL.items() if config[name] != usual]
    return " · ".join([f"{config['init']} α={config['alpha']:g}", str(config["iterations"]), *others])


def note_of_training(diagnosis: Diagnosis, run: str) -> dict[str, str]:
    """The tag that describes a training: its diagnosis, and the command that trains it again."""
    again = f"`python -m pipeline.track reproduce {run}` trains it again and compares the models."
    return {NOTE: f"{as_markdown(diagnosis)}\n{again}\n"}


def note_of_sweep(summary: str, best: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The tag that describes a sweep: its summary, and links to its best points, given by name and address."""
    links = [f"- [{name}]({address})" for name, address in best[:LINKED]]
    return {NOTE: "\n".join(["Its best points:", "", *links, "", "```text", summary.rstrip(), "```", ""])}
