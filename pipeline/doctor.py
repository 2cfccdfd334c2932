"""Why does your own network fail? Hand over what your script has, and read.

    python -m pipeline.doctor mynetwork.py      # a file that defines params, forward, step, x, y, and maybe loss
    python -m pipeline.doctor --causes          # every cause that is known

    from pipeline.doctor import examine
    print(examine(params, forward, step, x, y))

`forward(params, x)` gives the answers. `step(params, x, y)` is one update as your script makes it, and returns the new
parameters, or changes them in place. `loss(params, x, y)`, if you have one, gives the number that you print. Parameters
are arrays in lists, tuples, dictionaries or objects; samples lie in rows or columns, or each function takes one at a
time. Nothing of yours is changed.
"""

import sys
import traceback
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path
from textwrap import fill
from typing import Any, get_args

from pipeline.core.diagnosis.catalogue import as_markdown
from pipeline.core.diagnosis.people.examination import examined
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Samples
from pipeline.core.diagnosis.people.script import Script, UnfitError
from pipeline.errors import UserError, run

WIDTH = 100
NOTHING = {True: "Nothing is wrong.", False: "Nothing was found, but little could be looked at."}
NEEDED = ("params", "forward", "step", "x", "y")
USE = "`params`, `forward(params, x)`, `step(params, x, y)`, and the batch `x`, `y`"
NOT_SEEN = "Not checked, since these functions don't show it: how you load and split the data, and measure accuracy."


@dataclass(frozen=True)
class Report:
    """One cause first, then what else was seen. It is made to be printed."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_thorough: bool = True  # or little could be looked at
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
            return fill(f"This can't be examined: {self.error}.", WIDTH)
        first = [shown(finding, "Cause") for finding in self.findings[:1]] or [NOTHING[self.is_thorough]]
        others = [shown(finding, "Also seen") for finding in self.findings[1:]]
        return "\n".join([*first, *others, *(fill(note, WIDTH) for note in [*self.notes, NOT_SEEN])])


def shown(finding: Finding, heading: str) -> str:
    """A finding in a few lines."""
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
    """Examine a network on a batch, as its script takes it; `samples` says how it lies, where that can't be seen."""
    try:
        found = examined(Script(params, forward, step, loss), x, y, samples)
    except UnfitError as unfit:
        return Report(error=str(unfit))
    return Report(found.findings, found.notes, found.is_thorough)


def defined_in(path: Path) -> dict[str, Any]:
    """What a script defines, after running it as an import would.

    Raises UserError where it can't be run, or lacks one of the names.
    """
    spec = spec_from_file_location(f"examined_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UserError(f"{path} is no Python file: give one that defines {', '.join(NEEDED)}, and loss if it has one")
    module = module_from_spec(spec)
    sys.path.append(str(path.parent.resolve()))  # where its own imports are found
    sys.modules[spec.name] = module  # where copies of its objects look for their classes
    try:
        with redirect_stdout(StringIO()):
            spec.loader.exec_module(module)
    except SystemExit:
        raise UserError(f"{path} ends the program before it has defined everything") from None
    except SyntaxError as error:
        raise UserError(f"{path} is not valid Python, at line {error.lineno}: {error.msg}") from None
    except Exception as error:
        own = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == spec.origin]
        place = f" at line {own[-1]}" if own else ""
        raise UserError(f"{path} raises {type(error).__name__}{place}: {error}") from None
    if missing := [name for name in NEEDED if not hasattr(module, name)]:
        raise UserError(f"{path} does not define {', '.join(missing)}: {USE}")
    return vars(module)


def parsed() -> Namespace:
    """The command line."""
    parser = ArgumentParser(
        "python -m pipeline.doctor", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "script", type=Path, nargs="?", help="a file that defines params, forward, step, x, y, and maybe loss"
    )
    parser.add_argument("--causes", action="store_true", help="print every cause that is known, as Markdown")
    parser.add_argument("--samples", choices=get_args(Samples), help="how x lies, where that can't be seen")
    arguments = parser.parse_args()
    if arguments.script is None and not arguments.causes:
        parser.error(f"give a script, a file that defines {', '.join(NEEDED)}")
    return arguments


def main() -> None:
    """Examine the network of a script, or list the causes."""
    arguments = parsed()
    if arguments.causes:
        print(as_markdown(), end="")
        return
    names = defined_in(arguments.script)
    params, forward, step, x, y = (names[name] for name in NEEDED)
    report = examine(params, forward, step, x, y, names.get("loss"), arguments.samples)
    if report.error:
        raise UserError(f"{arguments.script}: {report.error}")
    print(report)


if __name__ == "__main__":
    run(main)
