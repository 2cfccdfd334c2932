"""mlflow.db: made completely or not at all, because MLflow can't resume the first migration of a store."""

import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline.files.paths import project_root, set_aside
from pipeline.tracking.address import sqlite_uri

OF_A_MIGRATION = "_alembic_tmp_"  # how the names of its tables begin


def ensure(file: Path) -> Path | None:
    """Make a store if there is none. Returns the new name of one that was never completed, if it was set aside."""
    broken = None
    if file.is_file() and is_incomplete(file):
        broken = set_aside(file)
    if not file.exists():
        make(file)
    return broken


def make(file: Path) -> None:
    """Make a store under another name, and rename it when it is complete.

    MLflow's client would write the current directory into it, as SQL, in which a quotation mark is an error.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    new = file.with_name(f"{file.name}.partial")
    for leftover in file.parent.glob(f"{new.name}*"):
        leftover.unlink()
    default = (project_root() / "mlruns").as_uri()
    SqlAlchemyStore(sqlite_uri(new), default)  # type: ignore[no-untyped-call]
    new.replace(file)


def is_incomplete(file: Path) -> bool:
    """Whether MLflow was interrupted while it made a store, which holds no runs then."""
    try:
        with closing(sqlite3.connect(file)) as store:
            tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            is_mlflows = not tables or "experiments" in tables
            migrating = {name for name in tables if name.startswith(OF_A_MIGRATION)}
            version = "alembic_version" in tables and store.execute("SELECT * FROM alembic_version").fetchone()
            runs = tables & {"runs", f"{OF_A_MIGRATION}runs"}
            has_runs = any(store.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in runs)
    except sqlite3.Error:  # not a store: MLflow says what is wrong with it
        return False
    return is_mlflows and bool(migrating or not version) and not has_runs
