"""What a command leaves, and what must be the same however it was disturbed."""

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.conftest import Project

OUTPUTS = ("data", "raw", "normalised", "model", "report")

numbers = count()


class Run(NamedTuple):
    """What a finished run has in MLflow."""

    params: dict[str, str]
    metrics: dict[str, float]
    artefacts: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """What a command leaves: the checksums of its files, and its finished runs, by model or by sweep."""

    files: dict[str, str]
    runs: dict[str, Run]
    seconds: float
    sizes: dict[str, int]  # the bytes in each file and directory


def outcome(project: Project, seconds: float) -> Outcome:
    """What a command has left."""
    return Outcome(checksums(project), finished_runs(project), seconds, sizes(project))


def checksums(project: Project) -> dict[str, str]:
    """The checksums of everything that must be the same however often a command is disturbed."""
    files = [file for folder in OUTPUTS for file in (project.root / folder).rglob("*") if file.is_file()]
    files += [file for name in ("params.yaml", "dvc.lock", "data.dvc") if (file := project.root / name).exists()]
    found = {str(file.relative_to(project.root)): sha256(file) for file in files}
    tables = sorted(project.root.glob("multirun/*/comparison/sweep.csv"))
    return found | ({"sweep.csv": sha256(tables[-1])} if tables else {})


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def sizes(project: Project) -> dict[str, int]:
    """The bytes in each file and directory, by its path."""
    return {
        str(path.relative_to(project.root)): 0 if path.is_dir() else path.lstat().st_size
        for path in project.root.rglob("*")
    }


class Seen:
    """A look into a project's store. It's a copy, since MLflow's connections outlive the file that they opened."""

    def __init__(self, project: Project) -> None:
        name = f"../seen-{next(numbers)}.db"
        shutil.copy(project.root / "mlflow.db", project.root / name)
        self.client = project.store(name)
        self.runs = project.tracked_runs(store=name)
        (project.root / name).unlink()

    def artefacts(self, run: str, folder: str | None = None) -> frozenset[str]:
        found = self.client.list_artifacts(run, folder)
        return frozenset().union(*(self.artefacts(run, f.path) if f.is_dir else {f.path} for f in found))


def identity(tags: dict[str, str]) -> str:
    """What a run is of: a sweep, a point of a sweep, or a training's model."""
    return tags.get("sweep_key") or tags.get("key") or tags.get("model_sha256", "")


def finished_runs(project: Project, seen: Seen | None = None) -> dict[str, Run]:
    """The finished runs in the project's store. Of several trainings of one model, that which has most metrics."""
    if not (project.root / "mlflow.db").exists():
        return {}
    seen = seen or Seen(project)
    finished = [run for run in seen.runs if run.info.status == "FINISHED"]
    finished.sort(key=lambda run: len(run.data.metrics))
    return {
        identity(run.data.tags): Run(run.data.params, run.data.metrics, seen.artefacts(run.info.run_id))
        for run in finished
    }


def require_nothing_lost(project: Project, expected: Outcome) -> None:
    """Raise AssertionError unless a project is as after a run that nothing disturbed."""
    found = checksums(project)
    other = sorted(name for name in {*found, *expected.files} if found.get(name) != expected.files.get(name))
    assert not other, f"other bytes than undisturbed: {', '.join(other)}"
    unfinished = [file for pattern in ("*.partial*", "*.checkpoint") for file in project.root.rglob(pattern)]
    left = sorted(str(file.relative_to(project.root)) for file in unfinished)
    assert not left, f"left over: {', '.join(left)}"
    if (project.root / "mlflow.db").exists():
        require_each_run_once(project, expected)


def require_each_run_once(project: Project, expected: Outcome) -> None:
    """Raise AssertionError unless every run that is kept or expected is in the store once, and closed."""
    seen = Seen(project)
    running = [run.info.run_name for run in seen.runs if run.info.status == "RUNNING"]
    assert not running, f"a run is open: {', '.join(running)}"
    ids = Counter(run.data.tags["kept_id"] for run in seen.runs)
    points = Counter(run.data.tags["key"] for run in seen.runs if "key" in run.data.tags)
    sweeps = Counter(run.data.tags["sweep_key"] for run in seen.runs if "sweep_key" in run.data.tags)
    twice = [name for name, times in (ids + points + sweeps).items() if times > 1 and name]
    assert not twice, f"several runs of one training, point or sweep: {', '.join(twice)}"
    waiting = [file.read_text(encoding="utf-8") for file in project.root.glob("unpublished/*.txt")]
    assert not waiting, f"still waiting: {waiting}"
    assert_kept_is_tracked(project, {*ids, *points})

    finished = finished_runs(project, seen)
    missing = expected.runs.keys() - finished.keys()
    assert not missing, f"{len(missing)} of {len(expected.runs)} runs are not in MLflow"
    for name, whole in expected.runs.items():
        run = finished[name]
        assert run.params == whole.params, f"params {run.params}, not {whole.params}"
        assert run.metrics == whole.metrics, f"other metrics: {sorted(run.metrics.items() ^ whole.metrics.items())}"
        assert run.artefacts == whole.artefacts, f"other artefacts: {sorted(run.artefacts ^ whole.artefacts)}"


def assert_kept_is_tracked(project: Project, known: set[str]) -> None:
    """Every directory of a finished training has its run, or the run of the same point."""
    for file in [*project.root.glob("runs/*/run.json"), *project.root.glob("multirun/*/*/run.json")]:
        training = json.loads(file.read_text(encoding="utf-8"))
        assert {training["id"], training["tags"].get("key")} & known, f"{file.parent.name} is kept, but not in MLflow"
