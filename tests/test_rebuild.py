"""MLflow is a view of files: a store that was lost is made again, the same to every time and tag."""

import re
import shutil
import time

import pytest
from conftest import Project

TRACK = ("python", "-m", "pipeline.track")


def everything(project: Project) -> dict[str, dict]:
    """All that the store has of each run, by what the run is kept under, and without MLflow's own ids."""
    copy = f"copy-{time.time_ns()}.db"  # MLflow keeps a file open that was deleted, and reads on in it
    shutil.copy(project.root / "mlflow.db", project.root / "mlartifacts" / copy)
    copy = f"mlartifacts/{copy}"
    client, runs = project.store(copy), project.tracked_runs(store=copy)
    kept = {run.info.run_id: run.data.tags["kept_id"] for run in runs}
    return {kept[run.info.run_id]: content(client, run, kept) for run in runs}


def content(client, run, kept: dict[str, str]) -> dict:
    tags = {name: with_kept_ids(value, kept) for name, value in run.data.tags.items()}
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "times": (run.info.start_time, run.info.end_time),
        "params": run.data.params,
        "tags": {name: value for name, value in tags.items() if not name.startswith("mlflow.log-model")},
        "metrics": {
            name: sorted((point.step, point.timestamp, point.value) for point in points)
            for name, points in histories.items()
        },
        "data": [(used.dataset.name, used.dataset.digest) for used in run.inputs.dataset_inputs],
        "models": len(run.outputs.model_outputs),
        "artefacts": artefacts(client, run.info.run_id),
    }


def with_kept_ids(text: str, kept: dict[str, str]) -> str:
    """A text with the kept ids in place of MLflow's."""
    return re.sub("[0-9a-f]{32}", lambda found: kept.get(found[0], found[0]), text)


def artefacts(client, run: str, folder: str | None = None) -> dict[str, int]:
    """The names and sizes of all files of a run."""
    found: dict[str, int] = {}
    for file in client.list_artifacts(run, folder):
        found |= artefacts(client, run, file.path) if file.is_dir else {file.path: file.file_size}
    return found


@pytest.fixture(scope="module")
def worked(tried: Project) -> Project:
    """A project with a reproduction, two experiments, and a sweep that was started twice."""
    tried.ok("dvc", "exp", "run", "-n", "diverged", "-S", "alpha=1000000", "-S", "iterations=30")
    for _ in range(2):
        tried.ok("python", "-m", "pipeline.sweep", "alpha=0.1,0.3", "init=he,zeros", "iterations=20")
    return tried


@pytest.fixture(scope="module")
def before(worked: Project) -> dict[str, dict]:
    """What the store had before it was lost."""
    had = everything(worked)
    assert len(had) == 1 + 2 + 1 + 4
    (worked.root / "mlflow.db").unlink()
    shutil.rmtree(worked.root / "mlartifacts")
    return had


def test_a_lost_store_is_rebuilt_as_it_was(worked: Project, before: dict[str, dict]) -> None:
    printed = worked.ok(*TRACK, "rebuild")
    assert "MLflow has 9 of 9 trainings and sweeps" in printed
    again = everything(worked)
    assert again.keys() == before.keys()
    for kept_id, was in before.items():
        assert again[kept_id] == was


def test_rebuilding_again_changes_nothing_and_reports_what_is_unreadable(
    worked: Project, before: dict[str, dict]
) -> None:
    status = worked.git_status()
    damaged = worked.root / "runs/2000-01-01"
    damaged.mkdir()
    (damaged / "run.json").write_text('{"id": "cut o')
    printed = worked.ok(*TRACK, "rebuild")
    assert "not published: runs/2000-01-01/ can't be read" in printed
    assert "MLflow has 9 of 10 trainings and sweeps" in printed
    assert everything(worked) == before
    assert worked.git_status() == status


def test_a_deleted_run_stays_deleted(worked: Project) -> None:
    had = everything(worked)
    [deleted] = [kept_id for kept_id, run in had.items() if run["tags"]["dvc_exp_name"] == "diverged"]
    delete = (
        "from pipeline.tracking.publisher import required_store; store = required_store(); "
        f"store.delete(store.with_id('{deleted}').info.run_id)"
    )
    worked.ok("python", "-c", delete)
    worked.ok(*TRACK, "rebuild")
    assert everything(worked).keys() == had.keys() - {deleted}


def test_without_run_directories_dvcs_results_are_filled_in(worked: Project) -> None:
    for name in ("runs", "multirun", "mlartifacts"):  # as in a clone on another machine
        shutil.rmtree(worked.root / name)
    (worked.root / "mlflow.db").unlink()
    (worked.root / "mlartifacts").mkdir()
    worked.ok(*TRACK, "rebuild")
    tags = [run["tags"] for run in everything(worked).values()]
    assert {one["dvc_exp_name"] for one in tags} == {"", "tried", "diverged"}
    assert {one["filled_in"] for one in tags} == {"true"}
    of_experiments = worked.ok("git", "for-each-ref", "--format=%(objectname)", "refs/exps").split()
    assert {one["git_commit"] for one in tags if one["dvc_exp_name"]} <= {*of_experiments}
