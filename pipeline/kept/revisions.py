"""DVC's results: model/ and report/ of the workspace, a commit or an experiment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.index.index import DataIndexError
from scmrepo.exceptions import SCMError

from pipeline.console.errors import UserError
from pipeline.files.paths import CHECKOUT
from pipeline.kept.provenance import git


def check_the_workspace() -> None:
    """Raise UserError if model/ and report/ aren't DVC's latest result."""
    with repository() as repo:
        changes = repo.status(targets=["train", "evaluate"])
    outputs = [change["changed outs"] for stage in changes.values() for change in stage if "changed outs" in change]
    lock = CHECKOUT / "dvc.lock"
    if outputs or not (lock.exists() and is_of_one_model(lock.read_text(encoding="utf-8"))):
        raise UserError("model/ and report/ are missing or don't belong together: `dvc repro` makes them agree")


def bring(name: str, commit: str, directory: Path) -> None:
    """Copy model/ and report/ of a commit, which has a name, from DVC's cache into an empty directory.

    Raises UserError if there are none.
    """
    files = DVCFileSystem(str(CHECKOUT), rev=commit)
    try:
        if not is_of_one_model(files.read_text("dvc.lock", encoding="utf-8")):
            raise UserError(f"{name}: its dvc.lock has no evaluation of its model")
        for part in ("model", "report"):
            files.get(part, str(directory / part), recursive=True)
    except FileNotFoundError:
        raise UserError(f"{name}: it has no dvc.lock, so DVC has no result for it") from None
    except (DvcException, SCMError, DataIndexError, OSError):
        raise UserError(
            f"{name}: its model/ and report/ are not in DVC's cache: `dvc pull` or `dvc exp pull`"
        ) from None


def origin_of(name: str, known: dict[str, str]) -> dict[str, str]:
    """The tags for the origin of a commit's result, or of a known experiment's. Raises UserError if it is neither."""
    commit = known.get(name) or git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is None:
        raise UserError(f"{name!r} is neither a commit nor one of DVC's experiments: see `dvc exp list`")
    return {"dvc_exp_name": name if name in known else "", "git_commit": commit.strip()}


def is_of_one_model(lock: str) -> bool:
    """Whether, according to dvc.lock, the evaluation belongs to the latest model."""
    stages: dict[str, Any] = yaml.safe_load(lock).get("stages", {})
    trained, evaluated = (stages.get(name, {}) for name in ("train", "evaluate"))
    made = {out["path"]: out["md5"] for out in trained.get("outs", [])}
    used = {dep["path"]: dep["md5"] for dep in evaluated.get("deps", [])}
    return "model" in made and made["model"] == used.get("model")


def experiments() -> dict[str, str]:
    """The commits of DVC's experiments, by name."""
    with repository() as repo:
        found = repo.experiments.ls(all_commits=True)
    return {name: commit for named in found.values() for name, commit in named}


@contextmanager
def repository() -> Iterator[Repo]:
    """DVC's repository. Raises UserError if DVC can't read it, for example without Git."""
    try:
        with Repo(str(CHECKOUT)) as repo:
            yield repo
    except (DvcException, SCMError) as error:
        raise UserError(f"DVC can't read its repository ({error}): see `dvc status`") from None
