"""What many commands answer, each run as by `python -m pipeline.X`, in one process, since Python starts slowly."""

import json
import runpy
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project


def answers(project: "Project", *commands: str) -> dict[str, tuple[int, str]]:
    """The exit code and the output of each command, such as "train --help"."""
    printed = project.ok("python", "-m", "tests.answers", json.dumps(commands))
    return {command: (code, text) for command, code, text in json.loads(printed)}


def answer(command: str) -> tuple[str, int, str]:
    """A command with its exit code and its output."""
    output = StringIO()
    name, *sys.argv[1:] = shlex.split(command)
    with redirect_stdout(output), redirect_stderr(output):
        try:
            runpy.run_module(f"pipeline.{name}", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if isinstance(end.code, str):  # Python prints it and exits with 1
                print(end.code)
            code = 1 if isinstance(end.code, str) else end.code or 0
        else:
            code = 0
    return command, code, output.getvalue()


if __name__ == "__main__":
    print(json.dumps([answer(command) for command in json.loads(sys.argv[1])]))
