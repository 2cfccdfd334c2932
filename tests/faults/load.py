"""Load: many writers to one SQLite store while the UI reads it, and each of their runs is there once, complete."""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

import requests

from tests.conftest import Project
from tests.faults.nothing_lost import Outcome, Seen, require_each_run_once, require_nothing_lost
from tests.faults.part import Case, Part
from tests.faults.place import SWEEP, Place
from tests.faults.processes import new_mark, require_no_process
from tests.servers import free_port

SECONDS = 240
ALONE = ("python", "-m", "pipeline.sweep", "hydra/launcher=basic", "iterations=60")
NOTHING = Outcome({}, {}, 0, {})


class Load(Part):
    """Commands that write to one store at the same time."""

    name = "load"
    cases = 5

    def case(self, number: int, rng: random.Random) -> Case:
        what = CASES[number % len(CASES)]

        def attempt() -> None:
            self.place.undisturbed(SWEEP)
            project, mark = self.place.put("reproduced"), new_mark()
            with nullcontext() if what is ctrl_c_while_a_point_is_logged else ui(project, mark):
                what(self.place, project, rng)
            require_no_process(mark)

        return Case(what.__name__.replace("_", " "), attempt)


def eight_writers(_place: Place, project: Project, _rng: random.Random) -> None:
    alphas = [f"0.{n}" for n in range(1, 9)]
    at_once(project, *((*ALONE, f"alpha={alpha}", f"hydra.sweep.dir=multirun/{alpha}") for alpha in alphas))
    require_each_run_once(project, NOTHING)
    tracked = sorted(run.data.params["alpha"] for run in Seen(project).runs if "key" in run.data.tags)
    assert tracked == alphas, f"MLflow has the alphas {tracked}"


def the_same_sweep_twice(place: Place, project: Project, _rng: random.Random) -> None:
    expected = place.outcomes[SWEEP]
    at_once(project, SWEEP.command, SWEEP.command)
    require_nothing_lost(project, expected)
    trained = len([*project.root.glob("multirun/*/*/run.json")])
    assert trained == 4, f"4 points were trained {trained} times"


def two_sweeps_that_share_a_point(_place: Place, project: Project, _rng: random.Random) -> None:
    sweep = ("python", "-m", "pipeline.sweep", "iterations=60")
    at_once(project, (*sweep, "alpha=0.1,0.2"), (*sweep, "alpha=0.2,0.4"))
    require_each_run_once(project, NOTHING)


def a_queue_of_four(_place: Place, project: Project, _rng: random.Random) -> None:
    names = [f"queued-{n}" for n in range(4)]
    for n, name in enumerate(names):
        project.ok("dvc", "exp", "run", "--queue", "--name", name, "-S", f"alpha=0.{n + 4}")
    project.ok("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + SECONDS
    while any(state in (shown := project.ok("dvc", "queue", "status")) for state in ("Queued", "Running")):
        assert time.monotonic() < deadline, f"it takes longer than {SECONDS} s: {shown}"
        time.sleep(1)
    assert shown.count("Success") == len(names), f"not every experiment succeeded: {shown}"
    project.ok("dvc", "queue", "stop")
    require_each_run_once(project, NOTHING)
    tracked = sorted(run.data.tags["dvc_exp_name"] for run in Seen(project).runs)
    assert tracked == ["", *names], f"MLflow has the experiments {tracked}"


def ctrl_c_while_a_point_is_logged(place: Place, project: Project, rng: random.Random) -> None:
    expected = place.outcomes[SWEEP]
    sweep = project.start(*SWEEP.command)
    while sweep.poll() is None and not [*project.root.glob("multirun/*/*/run.json")]:
        time.sleep(0.01)
    time.sleep(rng.random() / 2)
    sweep.send_signal(signal.SIGINT)
    printed, _ = sweep.communicate(timeout=SECONDS)
    assert "Traceback" not in printed, f"a traceback: {printed}"
    assert "does not answer" not in printed, f"it gave up on the store: {printed}"
    project.ok(*SWEEP.command)
    require_nothing_lost(project, expected)


CASES: tuple[Callable[[Place, Project, random.Random], None], ...] = (
    eight_writers,
    the_same_sweep_twice,
    two_sweeps_that_share_a_point,
    a_queue_of_four,
    ctrl_c_while_a_point_is_logged,
)


def at_once(project: Project, *commands: tuple[str, ...]) -> None:
    """Run commands at the same time. Raises AssertionError unless each succeeds."""
    running = [project.start(*command) for command in commands]
    done = [process.communicate(timeout=SECONDS)[0] for process in running]
    for process, printed in zip(running, done, strict=True):
        assert process.returncode == 0, f"exit code {process.returncode}: {printed}"


@contextmanager
def ui(project: Project, mark: dict[str, str]) -> Iterator[None]:
    """Have MLflow's UI open meanwhile, asking for all runs again and again."""
    port, closed = free_port(), threading.Event()

    def look() -> None:
        while not closed.wait(0.2):
            with suppress(requests.RequestException):
                search = f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/runs/search"
                requests.post(search, json={"experiment_ids": ["1"]}, timeout=10)

    server = project.start("python", "-m", "pipeline.ui", "--port", str(port), **mark)
    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        closed.set()
        looking.join()
        server.send_signal(signal.SIGINT)
        try:
            server.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
