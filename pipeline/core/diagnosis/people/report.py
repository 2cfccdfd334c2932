"""The report on somebody's network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

from pipeline.core.diagnosis.people.examination import examined
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Samples
from pipeline.core.diagnosis.people.script import Script, UnfitError

WIDTH = 100
NOTHING = {True: "Nothing is wrong.", False: "Nothing was found, but little could be checked."}
NOT_SEEN = "Not checked, since these functions don't show it: how you load and split the data, and measure accuracy."


@dataclass(frozen=True)
class Report:
    """The cause first, then everything else that was found. Print it to read it."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_thorough: bool = True  # or little could be checked
    error: str = ""  # why nothing could be examined

    @property
    def cause(self) -> str | None:
        """The name of the cause; None if nothing is wrong."""
        return self.findings[0].cause if self.findings else None

    @property
    def problems(self) -> list[str]:
        """The names of everything that was found."""
        return [finding.cause for finding in self.findings]

    def __str__(self) -> str:
        if self.error:
            return fill(f"This can't be examined: {self.error}.", WIDTH)
        first = [shown(finding, "Cause") for finding in self.findings[:1]] or [NOTHING[self.is_thorough]]
        others = [shown(finding, "Also seen") for finding in self.findings[1:]]
        return "\n".join([*first, *others, *(fill(note, WIDTH) for note in [*self.notes, NOT_SEEN])])


def shown(finding: Finding, heading: str) -> str:
    """A finding, in a few lines."""
    evidence = fill(finding.evidence, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join([f"{heading}: {finding.cause}, in {finding.where}", evidence, f"    Fix: {finding.advice}"])


def examine(
    params: Any,
    forward: Callable[..., Any],
    step: Callable[..., Any],
    x: Any,
    y: Any,
    loss: Callable[..., Any] | None = None,
    samples: Samples | None = None,
) -> Report:
    """Examine a network on a batch, in its script's layout; `samples` names that layout if it can't be detected."""
    try:
        found = examined(Script(params, forward, step, loss), x, y, samples)
    except UnfitError as unfit:
        return Report(error=str(unfit))
    return Report(found.findings, found.notes, found.is_thorough)
