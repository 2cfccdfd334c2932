"""Local servers: finding a free port, waiting for an answer, `mlflow models serve` and `python -m pipeline.ui`."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from conftest import Project

SECONDS_TO_START = 120


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def model_server(model: str, directory: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Serve a model from a directory, in its own process group, and yield its URL."""
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", model, "--env-manager", "local", "-p", str(port)]
    server = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextmanager
def running_ui(project: "Project") -> Iterator[tuple[subprocess.Popen, str]]:
    """Run `python -m pipeline.ui`, and stop it with Ctrl-C.

    Yields the process, and what it prints before its server starts.
    """
    with project.start("python", "-u", "-m", "pipeline.ui", "--port", "0") as process:
        try:
            yield process, "".join(takewhile(lambda line: "until Ctrl-C" not in line, process.stdout or ()))
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130


def wait_for(url: str, server: subprocess.Popen) -> None:
    """Wait until a started server answers."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            assert requests.get(url, timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"nothing is served at {url}")
