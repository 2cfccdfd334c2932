"""A team's server on PostgreSQL: eight at once, gone in the middle and back again, and no secret of its address told.

`tests/with_postgresql pytest` starts the database that these tests need.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from threading import Barrier

import pandas as pd
import psycopg
import pytest
from conftest import Project
from mlflow import MlflowClient
from mlflow.entities import Run
from servers import free_port, wait_for

from pipeline.files.dataset import About
from pipeline.files.model import load_model
from pipeline.tracking.store import Store
from pipeline.tracking.trainings import is_logged_of_a_point

POSTGRESQL = os.environ.get("TEST_POSTGRESQL")  # its host and port
SECRET = "s3cret"
SWEEP = ("python", "-m", "pipeline.sweep")
STACKS = ("hidden=[20],[21],[22],[23]", "iterations=300")  # each size is a stack of its own
TRACK = ("python", "-m", "pipeline.track")

pytestmark = pytest.mark.skipif(
    POSTGRESQL is None, reason="needs PostgreSQL: `tests/with_postgresql pytest` starts it where it is installed"
)


class Server:
    """`mlflow server`, as a process that can be killed and started again."""

    def __init__(self, root: Path) -> None:
        with psycopg.connect(f"postgresql://mlflow@{POSTGRESQL}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE mlflow")
        self.address = f"127.0.0.1:{free_port()}"
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        host, port = self.address.split(":")
        store = ("--backend-store-uri", f"postgresql+psycopg://mlflow@{POSTGRESQL}/mlflow")
        artifacts = ("--artifacts-destination", str(self.root / "artifacts"))
        place = ("--host", host, "--port", port, "--workers", "1")
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "mlflow", "server", *store, *artifacts, *place),
                cwd=self.root,
                env=os.environ | quiet,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(f"http://{self.address}/health", self.process)

    def kill(self) -> None:
        """Without a word; its children answer on without it, so they go too."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"http://{self.address}")

    def runs(self, condition: str = "") -> list[Run]:
        """The runs, the oldest first."""
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        return list(self.client.search_runs(experiments, condition, order_by=["attributes.start_time ASC"]))

    def steps(self, run: Run, metric: str) -> list[int]:
        return [point.step for point in self.client.get_metric_history(run.info.run_id, metric)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def project(reproduced: Project, server: Server) -> Project:
    """A project that is pointed at the server, with a password that the server doesn't ask for."""
    reproduced.environment["MLFLOW_TRACKING_URI"] = f"http://somebody:{SECRET}@{server.address}"
    return reproduced


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What all commands of this file have printed."""
    return []


def assert_whole(server: Server, run: Run, tmp_path: Path) -> None:
    """A finished run has what its model's files have, each point once."""
    model = load_model(Path(server.client.download_artifacts(run.info.run_id, "model", str(tmp_path))))
    history = model.training.history
    of_a_sweep = "mlflow.parentRunId" in run.data.tags
    rows = [row for row in history if not of_a_sweep or is_logged_of_a_point(row.iteration) or row is history[-1]]
    assert run.info.status == "FINISHED"
    assert run.data.tags["model_sha256"] == model.sha256
    assert run.data.params["alpha"] == str(model.config["alpha"])
    for metric in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        assert server.steps(run, metric) == [row.iteration for row in rows]
    examined = [vitals.iteration for vitals in model.training.vitals]
    assert server.steps(run, "largest_logit") == examined
    assert server.steps(run, "final_validation_accuracy") == [model.training.iterations]
    assert server.client.list_artifacts(run.info.run_id, "report")


def test_eight_trainings_at_once_are_eight_complete_runs(
    project: Project, server: Server, printed: list[str], tmp_path: Path
) -> None:
    # Each is a process with a directory of its own, as by eight people.
    alone = (*SWEEP, "iterations=60")
    trainings = [project.start(*alone, f"alpha=0.{n}", f"hydra.sweep.dir=multirun/{n}") for n in range(1, 9)]
    for training in trainings:
        text, _ = training.communicate(timeout=240)
        printed.append(text)
        assert training.returncode == 0, text
    runs = server.runs("tags.key != ''")
    assert sorted(run.data.params["alpha"] for run in runs) == [f"0.{n}" for n in range(1, 9)]
    for run in runs:
        assert_whole(server, run, tmp_path)
    assert list(project.root.glob("unpublished/*")) == []


def test_datasets_logged_by_eight_threads_at_once_reach_every_run(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    runs, start = [run.info.run_id for run in server.runs()], Barrier(8)

    def log(run: str, md5: str) -> None:
        store = Store()
        start.wait()
        store.log_data(run, About({"dataset": {"name": "digits"}}, md5, (8, 8), 10))

    new = [f"new-{number}" for number in range(5)]
    with ThreadPoolExecutor(8) as threads:
        for md5 in new:
            list(threads.map(log, runs, repeat(md5)))
    for run in server.runs():
        assert {*new} <= {used.dataset.digest for used in run.inputs.dataset_inputs}


def test_a_sweep_finishes_though_the_server_is_killed(project: Project, server: Server, printed: list[str]) -> None:
    sweep = project.start(*SWEEP, *STACKS)
    deadline = time.monotonic() + 120
    while not server.runs("tags.`mlflow.parentRunId` != ''"):
        assert time.monotonic() < deadline, "no point was logged within two minutes"
        time.sleep(0.2)
    server.kill()
    text, _ = sweep.communicate(timeout=120)
    printed.append(text)
    assert sweep.returncode == 0, text
    assert text.count("MLflow's store does not answer") == 1
    assert "run `python -m pipeline.track` later to publish every point" in text
    [waiting] = project.root.glob("unpublished/*.txt")
    assert len(waiting.read_text().splitlines()) > 1


def test_without_the_server_the_sweep_trains_all_points_again(project: Project, printed: list[str]) -> None:
    printed.append(project.ok(*SWEEP, *STACKS))
    assert "training 4 points" in printed[-1]


def test_the_pipeline_runs_without_the_server(project: Project, printed: list[str]) -> None:
    started = time.monotonic()
    printed.append(project.ok("dvc", "exp", "run", "-S", "alpha=0.33", "-S", "iterations=70", "-n", "unseen"))
    assert time.monotonic() - started < 120
    assert "and will be in MLflow when its store answers again" in printed[-1]


def test_track_without_the_server_says_so(project: Project, printed: list[str]) -> None:
    printed.append(project.fails(*TRACK))
    assert "this command needs MLflow's server" in printed[-1]


def test_when_the_server_is_back_the_sweep_is_published_once(
    project: Project, server: Server, printed: list[str], tmp_path: Path
) -> None:
    server.start()
    printed.append(project.ok(*TRACK))
    assert list(project.root.glob("unpublished/*")) == []
    [parent] = server.runs("tags.sweep_key != '' and params.iterations = '300'")
    children = server.runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert len(children) == len({run.data.tags["key"] for run in children}) == 4
    for run in children:
        assert_whole(server, run, tmp_path)

    assert parent.info.status == "FINISHED"
    assert server.steps(parent, "points") == [0]
    table = pd.read_csv(server.client.download_artifacts(parent.info.run_id, "sweep.csv", str(tmp_path)))
    assert set(table.run_id) == {run.info.run_id for run in children}
    assert parent.data.tags["best_run_id"] == table.run_id[0]


def test_when_the_server_is_back_the_pipelines_run_is_published(server: Server, tmp_path: Path) -> None:
    [run] = server.runs("params.alpha = '0.33'")
    assert_whole(server, run, tmp_path)
    assert run.data.tags["command"] == "dvc exp run -S alpha=0.33 -S iterations=70 -n unseen"
    assert "filled_in" not in run.data.tags
    assert server.steps(run, "test_accuracy") == [70]


def test_the_password_in_the_address_appears_nowhere(project: Project, server: Server, printed: list[str]) -> None:
    assert not [text for text in printed if SECRET in text]
    assert not [run for run in server.runs() if SECRET in repr((run.data, run.inputs))]
    kept = [server.root / "artifacts", *(project.root / name for name in ("multirun", "runs", "model", "report"))]
    files = [file for folder in kept for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 100
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]
