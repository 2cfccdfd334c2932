"""Where a result comes from: the commit, what was changed since, the command that asked for it, and the machine."""

import os
import platform
import shlex
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from pipeline.console.credentials import without_credentials
from pipeline.files.paths import CHECKOUT

WRITTEN_BY_THE_PIPELINE = ("params.yaml", "data.dvc", "dvc.lock", "report/metrics.json")
WHAT_OTHERS_WROTE = ("--", ".", *(f":!{name}" for name in WRITTEN_BY_THE_PIPELINE))
AS_A_PATCH = ("diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
LARGEST_SHOWN = 100_000  # bytes, of a file that Git does not know: a diff is no place for data


def provenance() -> dict[str, str]:
    """The tags that say where a training comes from; without git, there are none of git's."""
    tags = {"command": command(), "dvc_exp_name": experiment_name()} | machine()
    if commit := git("rev-parse", "HEAD"):
        tags |= {"git_commit": commit.strip(), "git_dirty": str(is_dirty()).lower()}
    return tags


def documents(tags: dict[str, str]) -> dict[str, bytes]:
    """What is too long for the tags, as files by their names: all packages, and, if anything does, what differs."""
    files = {"packages.txt": packages().encode()}
    if tags.get("git_dirty") == "true":
        files["changes.diff"] = changes()
    return files


def machine() -> dict[str, str]:
    """The interpreter, NumPy, its BLAS and the processor, which decide the last bits of what is trained in float32."""
    return {"python": platform.python_version(), "numpy": np.__version__, "blas": blas(), "cpu": cpu()}


def blas() -> str:
    """The library behind NumPy's matrix products, its version and the kernels that it chose for this processor."""
    known = (module for module in threadpool_info() if module["user_api"] == "blas")
    return ", ".join(" ".join(filter(None, map(m.get, ("internal_api", "version", "architecture")))) for m in known)


def cpu() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def packages() -> str:
    """Every installed package with its version, a line each, as pip takes them."""
    return "".join(sorted({f"{found.name}=={found.version}\n" for found in distributions()}, key=str.lower))


def experiment_name() -> str:
    """The name that DVC gave to its experiment; empty outside of one."""
    return os.environ.get("DVC_EXP_NAME", "")


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
            return without_credentials(shlex.join(["dvc", *words[1:]]))
    return without_credentials(shlex.join(["python", *psutil.Process().cmdline()[1:]]))


def program(words: list[str]) -> list[str]:
    """A command line from the program's name on, without the Python that runs it."""
    if words and Path(words[0]).name.startswith("python"):
        words = words[1:]
        if words[:1] == ["-m"]:
            words = words[1:]
    return words


def is_dirty() -> bool:
    """Whether anything differs from the commit but what the pipeline itself writes; the settings are in the params."""
    return git("--no-optional-locks", "status", "--porcelain", *WHAT_OTHERS_WROTE) not in ("", None)


def changes() -> bytes:
    """What differs from the commit, as `git apply` takes it; of new files too large to be shown, the names."""
    with TemporaryDirectory() as directory:
        index = Path(directory, "index")  # Git's own stays as the user has it
        git("read-tree", "HEAD", index=index)
        listed = git("ls-files", "--others", "--exclude-standard", "-z", *WHAT_OTHERS_WROTE, index=index) or ""
        new = listed.split("\0")[:-1]
        shown = {name for name in new if is_small(CHECKOUT / name)}
        from_stdin = ("--pathspec-from-file=-", "--pathspec-file-nul")
        git("--literal-pathspecs", "add", "--intent-to-add", *from_stdin, index=index, stdin="\0".join(shown))
        diff = git(*AS_A_PATCH, "HEAD", *WHAT_OTHERS_WROTE, index=index) or ""
    left_out = "".join(f"# new, and too large to be shown: {name}\n" for name in new if name not in shown)
    return without_credentials(left_out + diff).encode(errors="surrogateescape")


def is_small(file: Path) -> bool:
    """Whether a new file can be shown in a diff; not a repository within this one."""
    try:
        return file.lstat().st_size <= LARGEST_SHOWN and not file.is_dir()
    except OSError:  # gone meanwhile
        return False


def git(*arguments: str, index: Path | None = None, stdin: str = "") -> str | None:
    """What git answers in the checkout, or None where it has no repository or no commit.

    Bytes that are not UTF-8, as files can have them, come as Python's surrogates.
    """
    environment = os.environ if index is None else os.environ | {"GIT_INDEX_FILE": str(index)}
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=CHECKOUT,
            env=environment,
            input=stdin.encode(errors="surrogateescape"),
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.decode(errors="surrogateescape")
