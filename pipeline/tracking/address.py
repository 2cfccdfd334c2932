"""Where MLflow's store is."""

import os
from pathlib import Path
from urllib.parse import unquote

from pipeline.files.paths import project_root

SQLITE = "sqlite:///"
# The same to SQLAlchemy. From the short form, MLflow would make the folders of a quoted path, quotes and all.
SQLITE_IN_FULL = "sqlite+pysqlite:///"


def store_uri() -> str:
    """MLFLOW_TRACKING_URI, or the file in the project's folder that a plain `mlflow ui` opens.

    Relative paths start at the project: DVC deletes the temporary checkout of an experiment.
    """
    uri, file = chosen_uri(), store_file()
    if file is None:
        return uri
    _, mark, query = uri.partition("?")
    return sqlite_uri(file) + mark + query


def store_file() -> Path | None:
    """The file of a SQLite store; None for other stores."""
    uri = chosen_uri()
    if not uri.startswith(SQLITE):
        return None
    quoted, _, _ = uri.removeprefix(SQLITE).partition("?")
    return project_root() / unquote(quoted)


def chosen_uri() -> str:
    """The store's address as the user wrote it."""
    return os.environ.get("MLFLOW_TRACKING_URI") or SQLITE + "mlflow.db"


def sqlite_uri(file: Path) -> str:
    """The address of a SQLite file. Of an address, SQLAlchemy decodes % and takes ? for the end of the path."""
    return SQLITE_IN_FULL + str(file).replace("%", "%25").replace("?", "%3F")


def is_a_server(uri: str) -> bool:
    """Whether this is the address of a server, which may be gone for a while."""
    return uri.startswith(("http://", "https://"))
