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

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import get_args

from pipeline.console.errors import UserError, run
from pipeline.core.diagnosis.catalogue import as_markdown
from pipeline.core.diagnosis.people.layout import Samples
from pipeline.core.diagnosis.people.report import examine as examine
from pipeline.files.script import NEEDED, defined_in


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
