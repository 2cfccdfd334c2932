"""A project as a user has it: this checkout's files in a Git repository of their own, and the real commands."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from hypothesis import settings

CHECKOUT = Path(__file__).resolve().parents[1]
MNIST = Path(os.environ.get("MNIST_DIRECTORY", CHECKOUT.parent / "shared" / "data" / "mnist"))

needs_mnist = pytest.mark.skipif(
    not MNIST.is_dir(), reason=f"needs the four published MNIST files: set MNIST_DIRECTORY, as {MNIST} is not there"
)

FIRST_REPRO = "first-repro.txt"  # what the first `dvc repro` printed, beside the template

settings.register_profile("faults", max_examples=1000, deadline=None, print_blob=True)  # for `python -m tests.faults`


class Project:
    """A clone of this checkout, with its own store, in which real commands run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
        self.environment = {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_SITE_CACHE_DIR": str(root.parent / "dvc-site-cache"),
        }

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project, whatever its exit code."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ok(self, *command: str, **environment: str) -> str:
        """Run a command that must succeed, and return its output."""
        done = self.run(*command, **environment)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
        return done.stdout

    def fails(self, *command: str, **environment: str) -> str:
        """Run a command that must fail without a traceback, and return its output."""
        done = self.run(*command, **environment)
        assert done.returncode != 0, f"{' '.join(command)}:\n{done.stdout}"
        assert "Traceback" not in done.stdout
        return done.stdout

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command in the project without waiting for it."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stages_run(self, printed: str) -> list[str]:
        """The stages that DVC says it ran, without those it skipped or restored."""
        lines = printed.splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage")]

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that occurs once in a file."""
        text = self.read(name)
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def git_status(self) -> str:
        return self.ok("git", "status", "--porcelain")

    def store(self, name: str = "mlflow.db"):
        """The MLflow client of a store in the project's folder."""
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{self.root / name}")

    def tracked_runs(self, condition: str = "", store: str = "mlflow.db") -> list:
        """The runs in a store, the oldest first."""
        client = self.store(store)
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return client.search_runs(experiments, condition, order_by=["attributes.start_time ASC"])


def wait_for_a_running_run(project: Project) -> str:
    """Wait until a run is open and has a metric, and return its id."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        running = project.tracked_runs("attributes.status = 'RUNNING'")
        if running and "loss" in running[0].data.metrics:
            return running[0].info.run_id
        time.sleep(0.5)
    raise AssertionError("no run was opened, or nothing logged to it, within a minute")


def left_after_sigkill(command: subprocess.Popen[str]) -> list[psutil.Process]:
    """Kill a command once it has started some processes, and return those that don't end with it."""
    deadline = time.monotonic() + 60
    while len(started := psutil.Process(command.pid).children(recursive=True)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    with command:
        command.kill()
    assert len(started) >= 2, "its processes did not start within a minute"
    _, alive = psutil.wait_procs(started, timeout=30)
    return alive


def new_project(root: Path) -> Project:
    """Copy this checkout's tracked and untracked files, except ignored ones, into a new repository."""
    root.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (CHECKOUT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, root / name)
    project = Project(root)
    project.ok("git", "init", "--quiet", "--initial-branch=main")
    project.ok("git", "config", "user.name", "Tester")
    project.ok("git", "config", "user.email", "tester@localhost")
    project.ok("git", "add", "--all")
    project.ok("git", "commit", "--quiet", "--message", "A fresh clone")
    return project


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Project]) -> Project:
    """A project made once for all test processes, which must not change it."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    root = shared / name / "clone"
    with FileLock(shared / f"{name}.lock"):
        return Project(root) if root.exists() else make(root)


def copied(project: Project, root: Path) -> Project:
    """A copy of a project, with its store."""
    shutil.copytree(project.root, root, symlinks=True, ignore=shutil.ignore_patterns("tmp"))  # .dvc/tmp has locks
    return Project(root)


def with_results_committed(project: Project) -> Project:
    project.ok("git", "commit", "--all", "--allow-empty", "--quiet", "--message", "Reproduced on this machine")
    return project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A fresh clone in which `dvc repro` has run."""

    def make(root: Path) -> Project:
        project = new_project(root)
        (root.parent / FIRST_REPRO).write_text(project.ok("dvc", "repro"))
        return project

    return made_once(tmp_path_factory, "template", make)


@pytest.fixture(scope="session")
def template_with_an_experiment(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the template in which DVC's experiment `tried` was run."""

    def make(root: Path) -> Project:
        project = with_results_committed(copied(template, root))
        project.ok("dvc", "exp", "run", "-n", "tried", "-S", "alpha=0.4", "-S", "init=xavier", "-S", "iterations=40")
        return project

    return made_once(tmp_path_factory, "tried", make)


@pytest.fixture(scope="module")
def reproduced(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the reproduced project, shared by the tests of a file, which run in order."""
    return with_results_committed(copied(template, tmp_path_factory.mktemp("reproduced") / "clone"))


@pytest.fixture(scope="module")
def tried(template_with_an_experiment: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project with an experiment, shared by the tests of a file, which run in order."""
    return copied(template_with_an_experiment, tmp_path_factory.mktemp("tried") / "clone")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A fresh clone, shared by the tests of a file, which run in order."""
    return new_project(tmp_path_factory.mktemp("project") / "clone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with a long file that needs no project: it is tested while another process makes the template."""
    items.sort(key=lambda item: item.path.name != "test_diagnosis.py")


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the name is the standard library's)
        """Say nothing."""


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory over HTTP from this machine, and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
