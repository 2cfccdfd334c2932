"""DVC's experiments, as a user runs them: every way of starting a training is a run in the one store."""

import os
import signal
import subprocess
import time
from contextlib import suppress

import psutil
import requests
from conftest import Project
from servers import free_port

SHORT = ("-S", "iterations=20")


def run_of(project: Project, experiment: str):
    [run] = project.tracked_runs(f"tags.dvc_exp_name = '{experiment}'")
    return run


def test_an_experiment_trains_with_its_overrides(reproduced: Project) -> None:
    printed = reproduced.ok("dvc", "exp", "run", "-n", "here", *SHORT, "-S", "alpha=0.3", "-S", "init=xavier")
    assert reproduced.stages_run(printed) == ["config", "train", "evaluate"]
    run = run_of(reproduced, "here")
    assert (run.data.params["alpha"], run.data.params["init"]) == ("0.3", "xavier")
    assert run.info.status == "FINISHED"
    assert "test_accuracy" in run.data.metrics
    assert run.data.tags["command"].startswith("dvc exp run -n here")
    assert run.data.tags["git_dirty"] == "false"  # but for its settings, which are its params


def test_params_and_metrics_can_be_compared_with_the_commit(reproduced: Project) -> None:
    params = reproduced.ok("dvc", "params", "diff")
    assert "xavier" in params
    assert "0.3" in params
    assert "test_accuracy" in reproduced.ok("dvc", "metrics", "diff")


def test_plots_are_drawn(reproduced: Project) -> None:
    reproduced.ok("dvc", "plots", "show")
    page = reproduced.read("dvc_plots/index.html")
    for name in ("Loss", "Accuracy", "Confusion matrix", "learning_curve.png", "first_layer_weights.png"):
        assert name in page


def test_a_temporary_experiment_has_its_run_in_the_projects_store(reproduced: Project) -> None:
    reproduced.ok("dvc", "exp", "run", "--temp", "-n", "apart", *SHORT, "-S", "alpha=0.2")
    run = run_of(reproduced, "apart")
    assert run.data.params["alpha"] == "0.2"
    assert "test_accuracy" in run.data.metrics
    assert run.data.tags["command"].startswith("dvc exp run --temp -n apart")
    files = [file.path for file in reproduced.store().list_artifacts(run.info.run_id, "report")]
    assert "report/learning_curve.png" in files


def test_an_experiment_can_be_applied_and_needs_no_work_then(reproduced: Project) -> None:
    reproduced.ok("dvc", "exp", "apply", "apart")
    assert "alpha: 0.2" in reproduced.read("params.yaml")
    assert "Data and pipelines are up to date" in reproduced.ok("dvc", "repro")
    assert "alpha: 0.2" in reproduced.read("params.yaml")


def test_a_queue_of_a_grid_runs_side_by_side(reproduced: Project) -> None:
    grid = ("-S", "alpha=0.6,0.7", "-S", "init=uniform")
    reproduced.ok("dvc", "exp", "run", "--queue", "-n", "queued", *SHORT, *grid)
    start_queue(reproduced)
    deadline = time.monotonic() + 120
    while reproduced.ok("dvc", "queue", "status").count("Success") < 2 and time.monotonic() < deadline:
        time.sleep(2)
    end_workers(reproduced)
    runs = [run_of(reproduced, name) for name in ("queued-1", "queued-2")]
    assert {run.data.params["alpha"] for run in runs} == {"0.6", "0.7"}
    assert all(run.info.status == "FINISHED" and "test_accuracy" in run.data.metrics for run in runs)


def start_queue(project: Project) -> None:
    """Start two workers. They inherit where they print to, so a pipe would be waited for as long as they live."""
    command = ("dvc", "queue", "start", "-j", "2")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, cwd=project.root, env=project.environment, check=True, **quiet)


def end_workers(project: Project) -> None:
    """End the workers that are still there: one that finds the queue empty at its start may wait for ever."""
    for file in (project.root / ".dvc" / "tmp" / "exps" / "celery").glob("*.pid"):
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(int(file.read_text()))
            if "queue-worker" in worker.cmdline():
                worker.kill()


def test_experiments_are_listed_with_their_settings(reproduced: Project) -> None:
    table = reproduced.ok("dvc", "exp", "show", "--csv")
    for name in ("here", "apart", "queued-1", "queued-2"):
        assert name in table
    for column in ("alpha", "init", "iterations", "test_accuracy"):
        assert column in table.splitlines()[0]


def test_no_run_is_left_open_or_doubled(reproduced: Project) -> None:
    runs = reproduced.tracked_runs()
    assert len(runs) == 5  # the first `dvc repro`, here, apart, and two of the queue
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_plain_mlflow_ui_in_the_projects_folder_shows_them_all(reproduced: Project) -> None:
    port = free_port()
    server = subprocess.Popen(
        ["mlflow", "ui", "--port", str(port), "--workers", "1"],
        cwd=reproduced.root,
        env=reproduced.environment
        | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        found = search_runs(f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/search")
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the server and the workers that it started
        server.wait()
    names = {tag["value"] for run in found for tag in run["data"]["tags"] if tag["key"] == "dvc_exp_name"}
    assert names == {"", "here", "apart", "queued-1", "queued-2"}


def search_runs(url: str) -> list[dict]:
    """What the server answers, as soon as it is up."""
    deadline = time.monotonic() + 120
    while True:
        try:
            answer = requests.post(url, json={"experiment_ids": ["1"]}, timeout=10)
            answer.raise_for_status()
            return answer.json()["runs"]
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
