"""A run's description, as MLflow's UI shows it."""

from collections.abc import Sequence

from pipeline.core.diagnosis.diagnosis import Diagnosis, as_markdown
from pipeline.tracking.view import NOTE

LINKED = 5  # points of a sweep


def note_of_training(diagnosis: Diagnosis, batch_size: int | None, run: str) -> dict[str, str]:
    """The tag that describes a training: its diagnosis, what its metrics measure, and how to train it again."""
    of_a_batch = f"`accuracy` and `loss` are those of one batch of {batch_size} images, the one that is next.\n\n"
    again = f"`python -m pipeline.track reproduce {run}` trains it again and compares the models."
    return {NOTE: f"{as_markdown(diagnosis)}\n{of_a_batch if batch_size else ''}{again}\n"}


def note_of_sweep(summary: str, best: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The tag that describes a sweep: its summary, and links to its best points, given by name and address."""
    links = [f"- [{name}]({address})" for name, address in best[:LINKED]]
    return {NOTE: "\n".join(["Its best points:", "", *links, "", "```text", summary.rstrip(), "```", ""])}
