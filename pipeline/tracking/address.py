"""Where MLflow's store is."""

import os
from pathlib import Path

from pipeline.files.paths import project_root

SQLITE = "sqlite:///"


def store_uri() -> str:
    """MLFLOW_TRACKING_URI, or the file in the project's folder that a plain `mlflow ui` opens.

    Relative paths start at the project: DVC deletes the temporary checkout of an experiment.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or SQLITE + "mlflow.db"
    return SQLITE + str(project_root() / uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else uri


def store_file() -> Path | None:
    """The file of a SQLite store; None for other stores."""
    uri = store_uri()
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def is_a_server(uri: str) -> bool:
    """Whether this is the address of a server, which may be gone for a while."""
    return uri.startswith(("http://", "https://"))


def artifact_location() -> str | None:
    """Where artefacts go: an absolute path, as a relative one would depend on who makes the store. A server knows."""
    return None if is_a_server(store_uri()) else (project_root() / "mlartifacts").as_uri()
