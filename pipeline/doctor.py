"""Find out why your own network fails.

    python -m pipeline.doctor mynetwork.py      # a file that defines params, forward, step, x, y, and maybe loss
    python -m pipeline.doctor --causes          # every known cause

    from pipeline.doctor import examine
    print(examine(params, forward, step, x, y))

`forward(params, x)` returns the network's output. `step(params, x, y)` makes one update: it returns the new parameters
or changes them in place. `loss(params, x, y)` is optional and returns the number you print. Parameters are arrays in
lists, tuples, dictionaries or objects. Samples can be rows or columns, or your functions can take one at a time. The
doctor changes nothing of yours.
"""

from argparse import Namespace
from pathlib import Path
from typing import get_args

from pipeline.console.arguments import parser
from pipeline.console.errors import UserError, run
from pipeline.core.diagnosis.catalogue import as_markdown
from pipeline.core.diagnosis.people.layout import Samples
from pipeline.core.diagnosis.people.report import examine as examine
from pipeline.files.script import NEEDED, defined_in


def parsed() -> Namespace:
    """Parse the command line."""
    command = parser("doctor", __doc__)
    command.add_argument(
        "script", type=Path, nargs="?", help="a file that defines params, forward, step, x, y, and maybe loss"
    )
    command.add_argument("--causes", action="store_true", help="print every known cause, as Markdown")
    command.add_argument("--samples", choices=get_args(Samples), help="the layout of x, if its shape leaves it open")
    arguments = command.parse_args()
    if arguments.script is None and not arguments.causes:
        command.error(f"name a script that defines {', '.join(NEEDED)}")
    return arguments


def main() -> None:
    """Examine the network in a script, or list the causes."""
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
