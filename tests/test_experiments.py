"""DVC's experiments as a user runs them: however a training is started, its run is in the same store."""

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


def test_an_experiment_trains_with_its_overrides(tried: Project) -> None:
    run = run_of(tried, "tried")
    assert (run.data.params["alpha"], run.data.params["init"]) == ("0.4", "xavier")
    assert run.info.status == "FINISHED"
    assert "test_accuracy" in run.data.metrics
    assert run.data.tags["command"].startswith("dvc exp run -n tried")
    assert run.data.tags["git_dirty"] == "false"  # settings don't count, as they are params


def test_params_and_metrics_can_be_compared_with_the_commit(tried: Project) -> None:
    params = tried.ok("dvc", "params", "diff")
    assert "xavier" in params
    assert "0.4" in params
    assert "test_accuracy" in tried.ok("dvc", "metrics", "diff")


def test_plots_are_drawn(tried: Project) -> None:
    tried.ok("dvc", "plots", "show")
    page = tried.read("dvc_plots/index.html")
    for name in ("Loss", "Accuracy", "Confusion matrix", "learning_curve.png", "first_layer_weights.png"):
        assert name in page


def test_a_temporary_experiment_logs_to_the_projects_store(tried: Project) -> None:
    printed = tried.ok("dvc", "exp", "run", "--temp", "-n", "apart", *SHORT, "-S", "alpha=0.2")
    assert tried.stages_run(printed) == ["config", "source", "train", "evaluate"]
    run = run_of(tried, "apart")
    assert run.data.params["alpha"] == "0.2"
    assert "test_accuracy" in run.data.metrics
    assert run.data.tags["command"].startswith("dvc exp run --temp -n apart")
    files = [file.path for file in tried.store().list_artifacts(run.info.run_id, "report")]
    assert "report/learning_curve.png" in files


def test_after_applying_an_experiment_repro_has_nothing_to_do(tried: Project) -> None:
    tried.ok("dvc", "exp", "apply", "apart")
    assert "alpha: 0.2" in tried.read("params.yaml")
    assert "Data and pipelines are up to date" in tried.ok("dvc", "repro")
    assert "alpha: 0.2" in tried.read("params.yaml")


def test_a_queued_grid_runs_in_parallel(tried: Project) -> None:
    grid = ("-S", "alpha=0.6,0.7", "-S", "init=uniform")
    tried.ok("dvc", "exp", "run", "--queue", "-n", "queued", *SHORT, *grid, "train")
    start_queue(tried)
    deadline = time.monotonic() + 120
    while tried.ok("git", "for-each-ref", "refs/exps").count("/queued-") < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    while tried.ok("dvc", "queue", "status").count("Success") < 2 and time.monotonic() < deadline:
        time.sleep(1)
    end_workers(tried)
    runs = [run_of(tried, name) for name in ("queued-1", "queued-2")]
    assert {run.data.params["alpha"] for run in runs} == {"0.6", "0.7"}
    assert all(run.info.status == "FINISHED" and "model_sha256" in run.data.tags for run in runs)


def start_queue(project: Project) -> None:
    """Start two workers. They inherit stdout, so reading it from a pipe would wait until they end."""
    command = ("dvc", "queue", "start", "-j", "2")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, cwd=project.root, env=project.environment, check=True, **quiet)


def end_workers(project: Project) -> None:
    """Kill any remaining workers: one that finds the queue empty when it starts may wait for ever."""
    for file in (project.root / ".dvc" / "tmp" / "exps" / "celery").glob("*.pid"):
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(int(file.read_text()))
            if "queue-worker" in worker.cmdline():
                worker.kill()


def test_experiments_are_listed_with_their_settings(tried: Project) -> None:
    table = tried.ok("dvc", "exp", "show", "--only-changed", "--drop", ".*loss|train|model", "--csv")
    for name in ("tried", "apart", "queued-1", "queued-2"):
        assert name in table
    names = table.splitlines()[0].split(",")
    assert {"alpha", "init", "iterations", "test_accuracy"} <= set(names)
    assert not [name for name in names if name.startswith(("recall", "train_"))]


def test_no_run_is_left_open_or_duplicated(tried: Project) -> None:
    runs = tried.tracked_runs()
    assert len(runs) == 5  # the first `dvc repro`, tried, apart, and two of the queue
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_plain_mlflow_ui_in_the_project_shows_every_run(tried: Project) -> None:
    port = free_port()
    server = subprocess.Popen(
        ["mlflow", "ui", "--port", str(port), "--workers", "1"],
        cwd=tried.root,
        env=tried.environment | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        found = search_runs(f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/search")
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the server and its workers
        server.wait()
    names = {tag["value"] for run in found for tag in run["data"]["tags"] if tag["key"] == "dvc_exp_name"}
    assert names == {"", "tried", "apart", "queued-1", "queued-2"}


def search_runs(url: str) -> list[dict]:
    """The server's answer, as soon as it is up."""
    deadline = time.monotonic() + 120
    while True:
        try:
            answer = requests.post(url, json={"experiment_ids": ["1"]}, timeout=10)
            answer.raise_for_status()
            return answer.json()["runs"]
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
