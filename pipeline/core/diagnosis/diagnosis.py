"""The diagnosis of a training: its outcome, the cause, numbers as evidence, and what to try."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from pipeline.core.diagnosis.setup import Prescription
from pipeline.core.training import Training

Outcome: TypeAlias = Literal["converged", "still learning", "stuck", "collapsed", "diverged"]

FAILED: frozenset[Outcome] = frozenset({"stuck", "collapsed", "diverged"})
NO_CAUSE = "none"


@dataclass(frozen=True)
class Diagnosis:
    """How a training turned out, and why."""

    outcome: Outcome
    cause: str  # the name of one of `causes.CAUSES`, or "none"
    cause_iteration: int | None  # when the cause first showed
    sentence: str
    advice: str
    evidence: dict[str, float]  # finite numbers
    prescription: Prescription = field(default_factory=dict)  # settings to change; empty if none would help

    @property
    def stable_alpha(self) -> float | None:
        """The alpha below which descent is stable, if there is one: see `curvature`."""
        return self.evidence.get("stable_alpha")


class Diagnosed(NamedTuple):
    """A training with its diagnosis."""

    training: Training
    diagnosis: Diagnosis


def as_markdown(diagnosis: Diagnosis) -> str:
    """The diagnosis as a Markdown page."""
    since = "" if diagnosis.cause_iteration is None else f", since iteration {diagnosis.cause_iteration}"
    rows = [f"| {name.replace('_', ' ')} | {value:g} |" for name, value in diagnosis.evidence.items()]
    return "\n".join(
        [
            f"# {diagnosis.outcome.capitalize()}",
            "",
            f"**Cause:** {diagnosis.cause.replace('_', ' ')}{since}",
            "",
            diagnosis.sentence,
            "",
            f"**What to try:** {diagnosis.advice}",
            "",
            "| evidence | |",
            "|---|---|",
            *rows,
            "",
        ]
    )
