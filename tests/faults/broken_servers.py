"""Broken MLflow servers: training carries on, and once the server is well `pipeline.track` publishes each run once."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import requests
import yaml
from mlflow import MlflowClient

from tests.conftest import Project
from tests.faults.hostile_http import FAULTS, HARMLESS, Fault, HostileServer, Request
from tests.faults.part import Case, Part
from tests.faults.place import Place
from tests.servers import free_port, wait_for

TIMED_OUT = (124, 137)  # exit codes of `timeout`
SECONDS = 120  # for a training that takes seconds
TRAIN, TRACK = (
    ("timeout", "--kill-after=9", f"{SECONDS}", "python", "-m", "pipeline.train"),
    ("python", "-m", "pipeline.track"),
)
REFUSED, DIES, UPLOADS, EXPERIMENT = "refused", "dies", "uploads_fail", "wrong_experiment"
KINDS = [
    *(REFUSED, DIES, UPLOADS, EXPERIMENT, "hang_before_headers", "hang_in_the_body", "reset_at_once"),
    *(f"status_{code}" for code in (401, 403, 413, 429, 500, 503)),
    *("reset_in_the_body", "hung_up", "html_page", "other_bytes", "consistently_cut_short", "redirect_in_a_loop"),
    "slow",
]
MISTAKEN = (EXPERIMENT,)  # like a user's mistake in MLFLOW_EXPERIMENT_NAME
QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "2"}  # seconds
FOLDERS = ("model", "provenance")


class BrokenServers(Part):
    """A proxy before a real server, which spoils all, some or certain answers while a training is published."""

    name = "servers"
    cases = len(KINDS)

    def __init__(self, place: Place, resources: ExitStack) -> None:
        super().__init__(place, resources)
        self.server = resources.enter_context(mlflow_server(place.directory / "server"))

    def forward(self, request: Request) -> requests.Response:
        """Ask the real server."""
        headers = {name: request.headers[name] for name in ("Content-Type",) if name in request.headers}
        return requests.request(request.command, self.server + request.path, data=request.sent, headers=headers)

    def well(self, request: Request) -> None:
        """Answer as the real server does."""
        pass_on(self.forward(request), request)

    def case(self, number: int, rng: random.Random) -> Case:
        kind, iterations = KINDS[number % len(KINDS)], rng.choice((20, 20, 4000))
        often, acts, last = rng.choice((1.0, 0.3)), rng.random() < 0.5 or kind in HARMLESS, rng.randrange(2, 12)
        asked = count()

        def is_spoilt(request: Request) -> bool:
            if kind == DIES:
                return next(asked) >= last
            if kind == UPLOADS:
                return request.command == "PUT"
            if kind == EXPERIMENT:
                return "experiments/get-by-name" in request.path
            return rng.random() < often

        def answer(request: Request) -> None:
            if not is_spoilt(request):
                self.well(request)
            elif not acts:
                spoil(kind)(request, b'{"run": {}}')
            elif (truth := self.forward(request)).ok:
                spoil(kind)(request, truth.content)
            else:
                pass_on(truth, request)

        def attempt() -> None:
            project, port = self.place.put("reproduced"), free_port()
            address = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"} | QUICK
            params = yaml.safe_load(project.read("params.yaml")) | {"seed": 1 + number, "iterations": iterations}
            project.write("params.yaml", yaml.safe_dump(params))
            with ExitStack() as meanwhile:
                if kind != REFUSED:
                    meanwhile.enter_context(HostileServer(answer, port).running())
                done = project.run(*TRAIN, **address)
            require_success(done, kind in MISTAKEN)
            kept = newest_kept(project)
            require_kept(project, done, kept)
            # What a server refuses for good is named, and taken off the list.
            command = (*TRACK, "rebuild") if "MLflow refuses" in done.stdout else TRACK
            with HostileServer(self.well, port).running():
                project.ok(*command, **address)
            require_published_once(MlflowClient(self.server), project.root / "runs" / kept)

        who = "all answers" if often == 1 else "some answers"
        how = f"{'after' if acts else 'before'} the server acts, {iterations} iterations"
        return Case(f"{kind} for {who}, {how}", attempt)


def pass_on(answer: requests.Response, request: Request) -> None:
    """Answer a request as the real server did."""
    request.reply(answer.content, answer.status_code, Content_Type=answer.headers.get("Content-Type", "text/plain"))


def spoil(kind: str) -> Fault:
    """The fault of a kind."""
    special: dict[str, Fault] = {
        DIES: FAULTS["reset_at_once"],
        UPLOADS: FAULTS["status_500"],
        EXPERIMENT: lambda request, _: request.reply(b'{"experiment": {"experiment_id": "999", "name": "numpy-mlp"}}'),
    }
    return special.get(kind) or FAULTS[kind]


def newest_kept(project: Project) -> str:
    """The name of the directory of the last training."""
    return max(file.parent.name for file in project.root.glob("runs/*/run.json"))


def require_success(done: subprocess.CompletedProcess[str], may_refuse: bool) -> None:
    """Raise AssertionError unless a training carried on, or said that the store is the wrong one if it may."""
    assert done.returncode not in TIMED_OUT, f"it takes longer than {SECONDS} s: {done.stdout}"
    refused = may_refuse and done.returncode == 1 and "check MLFLOW_TRACKING_URI" in done.stdout
    assert done.returncode == 0 or refused, f"exit code {done.returncode}: {done.stdout}"
    assert "Traceback" not in done.stdout, f"a traceback: {done.stdout}"


def require_kept(project: Project, done: subprocess.CompletedProcess[str], kept: str) -> None:
    """Raise AssertionError unless a training's result is kept, and listed if it is not published."""
    weights = [project.root / folder / "weights.npz" for folder in ("model", f"runs/{kept}/model")]
    assert weights[0].read_bytes() == weights[1].read_bytes(), "runs/ has another model"
    listed = any(kept in file.read_text(encoding="utf-8") for file in project.root.glob("unpublished/*.txt"))
    assert listed or (done.returncode == 0 and "does not answer" not in done.stdout), "it is not listed"


def require_published_once(client: MlflowClient, kept: Path) -> None:
    """Raise AssertionError unless the server has a kept training once, complete and closed."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    training = json.loads((kept / "run.json").read_text(encoding="utf-8"))
    found = client.search_runs(experiments, f"tags.kept_id = '{training['id']}'")
    assert len(found) == 1, f"it has {len(found)} runs: {[run.info.status for run in found]}"
    [run] = found
    assert run.info.status == "FINISHED", f"its run is {run.info.status}"
    there = {file.path for folder in FOLDERS for file in client.list_artifacts(run.info.run_id, folder)}
    here = {str(file.relative_to(kept)) for folder in FOLDERS for file in (kept / folder).iterdir()}
    assert there == here, f"artefacts are missing: {sorted(here - there)}"
    rows = (kept / "model/history.csv").read_text(encoding="utf-8").count("\n") - 1
    points = client.get_metric_history(run.info.run_id, "loss")
    assert len(points) == rows, f"{len(points)} of {rows} rows are logged"


@contextmanager
def mlflow_server(directory: Path) -> Iterator[str]:
    """Run a real server with a store of its own, and yield its URL."""
    directory.mkdir()
    url = f"http://127.0.0.1:{(port := free_port())}"
    store = ("--backend-store-uri", f"sqlite:///{directory}/mlflow.db", "--artifacts-destination", str(directory))
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(
        (sys.executable, "-m", "mlflow", "server", *store, "--port", str(port), "--workers", "1"),
        env=os.environ | quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"{url}/health", server)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
