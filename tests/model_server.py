"""`mlflow models serve`, in a process group of its own."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

SECONDS_TO_START = 120


@contextmanager
def model_server(model: str, directory: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The URL at which a model answers, served from a directory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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


def wait_for(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            assert requests.get(url, timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"no model is served at {url}")
