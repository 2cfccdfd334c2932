"""Why does your own network fail? Hand over what your script has, and read.

    python -m pipeline.doctor mynetwork.py      # a file that defines params, forward, step, x, y, and maybe loss

    from pipeline.doctor import examine
    print(examine(params, forward, step, x, y))

`forward(params, x)` gives the answers. `step(params, x, y)` is one update as your script makes it, and returns the new
parameters, or changes them in place. `loss(params, x, y)`, if you have one, gives the number that you print. Parameters
are arrays in lists, tuples, dictionaries or objects; samples lie in rows or columns, or each function takes one at a
time. Nothing of yours is changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

from pipeline.core.diagnosis.people.examination import examined
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Samples
from pipeline.core.diagnosis.people.script import Script, UnfitError

WIDTH = 100
NOT_SEEN = "What these functions don't show: how you load the data, split it, and count right answers."


@dataclass(frozen=True)
class Report:
    """One cause first, then what else was seen. It is made to be printed."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str = ""  # why nothing could be examined

    @property
    def cause(self) -> str | None:
        """The name of the cause; None where nothing is wrong."""
        return self.findings[0].cause if self.findings else None

    @property
    def problems(self) -> list[str]:
        """The names of all that was found."""
        return [finding.cause for finding in self.findings]

    def __str__(self) -> str:
        if self.error:
            return fill(self.error, WIDTH)
        blocks = [shown(finding) for finding in self.findings] or ["Nothing is wrong."]
        return "\n".join([*blocks, *(fill(note, WIDTH) for note in [*self.notes, NOT_SEEN])])


def shown(finding: Finding) -> str:
    """A finding in a few lines."""
    head = f"{finding.cause.replace('_', ' ').upper()} in {finding.where}"
    advice = fill(finding.advice, WIDTH, initial_indent="    > ", subsequent_indent="      ")
    return "\n".join([head, fill(finding.evidence, WIDTH, initial_indent="    ", subsequent_indent="    "), advice])


def examine(
    params: Any,
    forward: Callable[..., Any],
    step: Callable[..., Any],
    x: Any,
    y: Any,
    loss: Callable[..., Any] | None = None,
    samples: Samples | None = None,
) -> Report:
    """Examine a network on a batch, as its script takes it; `samples` says how it lies, where that can't be seen."""
    try:
        found = examined(Script(params, forward, step, loss), x, y, samples)
    except UnfitError as unfit:
        return Report(error=f"This can't be examined: {unfit}.")
    return Report(found.findings, found.notes)
