"""MLflow's UI for the project's store, with links to the pages that compare runs: `python -m pipeline.ui`."""

import argparse
import os
import socket
import sys
from typing import TYPE_CHECKING

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.console.leash import leashed
from pipeline.console.signals import interruptible
from pipeline.core.arrays import evenly_spaced
from pipeline.files.clone import run_in_a_clone
from pipeline.tracking.address import is_a_server, store_uri
from pipeline.tracking.publisher import required_store
from pipeline.tracking.store import PARENT, Store
from pipeline.tracking.sweeps import newest_sweep
from pipeline.tracking.view import BEST, FINAL_ACCURACY, SWEEPS, compare_page, curves_page, experiment_page, run_page

if TYPE_CHECKING:
    from mlflow.entities import Run

HOST = "127.0.0.1"
POINTS_COMPARED = 20
STORE = "MLFLOW_BACKEND_STORE_URI"
SERVER_ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}


def main() -> None:
    """Print the links, and serve the store unless MLFLOW_TRACKING_URI names a server."""
    options = arguments()
    uri = store_uri()
    if is_a_server(uri):
        print_links(required_store(), without_credentials(uri).rstrip("/"))
        return
    port = free_port(options.port)
    print_links(required_store(), f"http://{HOST}:{port}")
    print("The server starts in a few seconds and runs until Ctrl-C.", flush=True)
    serve(uri, port)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.ui", description="MLflow's UI, and links into it")
    parser.add_argument("--port", type=int, default=5000, help="0 picks a free one (default: %(default)s)")
    return parser.parse_args()


def free_port(port: int) -> int:
    """The port, or any free one for 0. Raises UserError if it can't be opened."""
    try:
        with socket.create_server((HOST, port)) as server:
            return int(server.getsockname()[1])
    except (OSError, OverflowError):
        raise UserError(
            f"port {port} is in use or not allowed: try another, e.g. `python -m pipeline.ui --port 5001`"
        ) from None


def print_links(store: Store, server: str) -> None:
    """Print links to all runs and to the newest sweep's comparison."""
    experiment = store.experiment
    print_link("All runs, grouped by sweep", experiment_page(server, experiment, SWEEPS))
    for view in store.views_of_datasets():
        print_link(f"Runs on {view.removeprefix(BEST)}, best first", experiment_page(server, experiment, view))
    sweep = newest_sweep(store)
    if sweep is None:
        print("No sweep to compare yet: `python -m pipeline.sweep` runs one.")
        return
    newest = sweep.info
    page = run_page(server, experiment, newest.run_id, "/artifacts/accuracy.png")
    print_link(f"The newest sweep, {newest.run_name!r}: map, curves and table", page)
    if points := ranked(store, newest.run_id):
        from_best_to_worst = [points[place] for place in evenly_spaced(len(points), POINTS_COMPARED)]
        chosen = {"Its best points": points[:POINTS_COMPARED], "A selection from best to worst": from_best_to_worst}
        for title, runs in chosen.items():
            print_link(f"{title}, compared", compare_page(server, experiment, runs))
            print_link(f"{title}, learning curves", curves_page(server, experiment, runs, "validation_accuracy"))


def print_link(title: str, address: str) -> None:
    """Print a link under its title."""
    print(f"{title}:\n  {address}")


def ranked(store: Store, sweep: str) -> list[str]:
    """The runs of a sweep's points, best first."""
    points = store.search(f"tags.`{PARENT}` = '{sweep}' and attributes.status = 'FINISHED'")
    return [point.info.run_id for point in sorted(points, key=accuracy, reverse=True)]


def accuracy(point: "Run") -> float:
    """The validation accuracy that ranks points."""
    return float(point.data.metrics.get(FINAL_ACCURACY, 0))


def serve(uri: str, port: int) -> None:
    """Run MLflow's server until Ctrl-C or another signal. Raises UserError if the server stops by itself."""
    # One worker is enough for one user. The store's address goes into the environment, not onto the command line, where
    # everyone could read its password.
    options = ("--host", HOST, "--port", str(port), "--workers", "1", "--uvicorn-opts", "--log-level warning")
    command = [sys.executable, "-m", "mlflow", "ui", *options]
    with interruptible():
        # On its own, the server would print a traceback at Ctrl-C, and survive our SIGKILL.
        server = leashed(command, os.environ | SERVER_ENVIRONMENT | {STORE: uri})
        try:
            code = server.wait()
        finally:
            if server.stdin:
                server.stdin.close()
            server.wait()
    raise UserError(f"MLflow's server stopped with exit code {code}: see its output above")


if __name__ == "__main__":
    run_in_a_clone(main)
