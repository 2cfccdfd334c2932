"""Where a result comes from: the commit, what was changed since, and the command that asked for it."""

import shlex
import subprocess
from pathlib import Path

import psutil

from pipeline.files.paths import CHECKOUT

WRITTEN_BY_THE_PIPELINE = ("params.yaml", "data.dvc", "dvc.lock", "report/metrics.json")


def git(*arguments: str) -> str | None:
    """What git answers in the checkout, or None where it has no repository or no commit."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def command() -> str:
    """The command as the user typed it: DVC's where DVC started this process, else this process's own.

    DVC may start itself again on the way here: the first of the line is the user's.
    """
    for process in reversed(psutil.Process().parents()):
        try:
            words = program(process.cmdline())
        except psutil.Error:
            continue
        if words and Path(words[0]).name == "dvc":
            return shlex.join(["dvc", *words[1:]])
    return shlex.join(["python", *psutil.Process().cmdline()[1:]])


def program(words: list[str]) -> list[str]:
    """A command line from the program's name on, without the Python that runs it."""
    if words and Path(words[0]).name.startswith("python"):
        words = words[1:]
        if words[:1] == ["-m"]:
            words = words[1:]
    return words


def is_dirty() -> bool:
    """Whether anything differs from the commit but what the pipeline itself writes; the settings are in the params."""
    others = ("--", ".", *(f":!{name}" for name in WRITTEN_BY_THE_PIPELINE))
    return git("--no-optional-locks", "status", "--porcelain", *others) != ""


def provenance() -> dict[str, str]:
    """The tags that say where a training comes from; without git, there are none of git's."""
    tags = {"command": command()}
    if commit := git("rev-parse", "HEAD"):
        tags |= {"git_commit": commit, "git_dirty": str(is_dirty()).lower()}
    return tags
