"""Where a result comes from: the commit, the changes since, the command and the machine."""

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from pipeline.console.credentials import without_credentials
from pipeline.console.secrets import masked, may_hold_secrets
from pipeline.files.paths import CHECKOUT

WRITTEN_BY_THE_PIPELINE = ("params.yaml", "data.dvc", "dvc.lock", "report/metrics.json")
WHAT_OTHERS_WROTE = ("--", ".", *(f":!{name}" for name in WRITTEN_BY_THE_PIPELINE))
AS_A_PATCH = ("diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
OF_THE_PROJECT = ("conf/", "docs/", "hydra_plugins/", "pipeline/", "tests/")
LARGEST_SHOWN = 100_000  # bytes of an untracked file: a diff is no place for data


def provenance() -> dict[str, str]:
    """The tags for a training's origin. Without Git there are none about commits."""
    tags = {"command": command(), "dvc_exp_name": experiment_name()} | machine() | mlflows_own()
    if commit := (git("rev-parse", "HEAD") or "").strip():
        tags |= {"git_commit": commit, "mlflow.source.git.commit": commit, "git_dirty": str(is_dirty()).lower()}
    return tags


def mlflows_own() -> dict[str, str]:
    """The tags from which MLflow's UI fills in its columns User and Source."""
    main = Path(sys.argv[0]).resolve()
    source = str(main.relative_to(CHECKOUT)) if main.is_relative_to(CHECKOUT) else main.name
    return {"mlflow.user": psutil.Process().username(), "mlflow.source.name": source, "mlflow.source.type": "LOCAL"}


def documents(tags: dict[str, str]) -> dict[str, bytes]:
    """What is too long for tags, as named files: the installed packages and, if there are any, the changes."""
    files = {"packages.txt": packages().encode()}
    if tags.get("git_dirty") == "true":
        files["changes.diff"] = changes()
    return files


def machine() -> dict[str, str]:
    """The interpreter, NumPy, its BLAS and the processor, which decide the last bits of float32."""
    return {"python": platform.python_version(), "numpy": np.__version__, "blas": blas(), "cpu": cpu()}


def blas() -> str:
    """The library behind NumPy's matrix products, its version, and the kernels it chose for this processor."""
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
    """Every installed package and its version, a line each, in pip's format."""
    known = [found.metadata for found in distributions()]  # parsed anew for each look at it
    return "".join(sorted({f"{one['Name']}=={one['Version']}\n" for one in known}, key=str.lower))


def experiment_name() -> str:
    """The name of DVC's experiment; empty outside one."""
    return os.environ.get("DVC_EXP_NAME", "")


def command() -> str:
    """The command as the user typed it: DVC's if DVC started this process, else this process's own.

    DVC may start itself again; the outermost process is the user's.
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
    """A command line without the Python in front of it."""
    if words and Path(words[0]).name.startswith("python"):
        words = words[1:]
        if words[:1] == ["-m"]:
            words = words[1:]
    return words


def is_dirty() -> bool:
    """Whether anything but the pipeline's own outputs differs from the commit."""
    return git("--no-optional-locks", "status", "--porcelain", *WHAT_OTHERS_WROTE) not in ("", None)


def changes() -> bytes:
    """The changes since the commit, for `git apply`, with secrets masked.

    New files are only named, unless they are small, belong to the project, and don't look like secrets.
    """
    with TemporaryDirectory() as directory:
        index = Path(directory, "index")  # the user's own index stays untouched
        git("read-tree", "HEAD", index=index)
        listed = git("ls-files", "--others", "--exclude-standard", "-z", *WHAT_OTHERS_WROTE, index=index) or ""
        new = listed.split("\0")[:-1]
        shown = {name for name in new if is_the_projects(name) and is_small(CHECKOUT / name)}
        from_stdin = ("--pathspec-from-file=-", "--pathspec-file-nul")
        git("--literal-pathspecs", "add", "--intent-to-add", *from_stdin, index=index, stdin="\0".join(shown))
        diff = git(*AS_A_PATCH, "HEAD", *WHAT_OTHERS_WROTE, index=index) or ""
    left_out = "".join(f"# new, not shown: {name}\n" for name in new if name not in shown)
    return masked(without_credentials(left_out + diff)).encode(errors="surrogateescape")


def is_the_projects(name: str) -> bool:
    """Whether a new file is one that a project like this is made of."""
    is_code = name.startswith(OF_THE_PROJECT) or ("/" not in name and name.endswith((".py", ".toml", ".yaml", ".md")))
    return is_code and not may_hold_secrets(name)


def is_small(file: Path) -> bool:
    """Whether a new file fits in a diff. A nested repository doesn't."""
    try:
        return file.lstat().st_size <= LARGEST_SHOWN and not file.is_dir()
    except OSError:  # gone meanwhile
        return False


def git(*arguments: str, index: Path | None = None, stdin: str = "") -> str | None:
    """Git's output in the checkout, or None if the command fails, as without a repository.

    Bytes that aren't UTF-8 become surrogates.
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
