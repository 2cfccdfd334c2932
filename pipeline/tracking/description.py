"""A run's description, as MLflow's UI shows it."""

from collections.abc import Sequence

from pipeline.core.diagnosis.diagnosis import Diagnosis, as_markdown
from pipeline.tracking.view import NOTE

LINKED = 5  # points of a sweep


def note_of_training(diagnosis: Diagnosis, run: str) -> dict[str, str]:
    """The tag that describes a training: its diagnosis, and the command that trains it again."""
    again = f"`python -m pipeline.track reproduce {run}` trains it again and compares the models."
    return {NOTE: f"{as_markdown(diagnosis)}\n{again}\n"}


def note_of_sweep(summary: str, best: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The tag that describes a sweep: its summary, and links to its best points, given by name and address."""
    links = [f"- [{name}]({address})" for name, address in best[:LINKED]]
    return {NOTE: "\n".join(["Its best points:", "", *links, "", "```text", summary.rstrip(), "```", ""])}
