"""Where MLflow's store is."""

import os

from pipeline.files.paths import project_root

SQLITE = "sqlite:///"


def store_uri() -> str:
    """MLFLOW_TRACKING_URI, or the file in the project's folder that a plain `mlflow ui` opens there.

    A relative path is the project's. In the temporary checkout of an experiment, the file would be lost with it.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or SQLITE + "mlflow.db"
    return SQLITE + str(project_root() / uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else uri


def is_a_server(uri: str) -> bool:
    """Whether an address is that of a server, which may be gone for a while."""
    return uri.startswith(("http://", "https://"))


def artifact_location() -> str | None:
    """An absolute place, as a store of files would else put artefacts wherever it is made; a server has its own."""
    return None if is_a_server(store_uri()) else (project_root() / "mlartifacts").as_uri()
