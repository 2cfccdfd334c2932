"""mlflow.db: made completely or not at all, because MLflow can't resume the first migration of a store."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline.console.errors import UserError
from pipeline.files.paths import PARTIAL, beside, project_root, remove, set_aside, shown
from pipeline.tracking.address import sqlite_uri

PRIMARY = 0xFF  # SQLite's extended codes say more in their higher bits
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
OF_A_MIGRATION = "_alembic_tmp_"  # how the names of its tables begin


def ensure(file: Path) -> Path | None:
    """Make a store if there is none. Returns the new name of one that was never completed, if it was set aside."""
    if os.path.lexists(file) and not file.is_file():
        raise UserError(f"{shown(file)} is where MLflow's store belongs: move it away")
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

    file.parent.mkdir(parents=True, exist_ok=True)
    new = beside(file, PARTIAL)
    for suffix in ("", "-journal", "-wal", "-shm"):
        remove(beside(new, suffix))
    new.touch()  # where this fails, MLflow would try for two minutes
    default = (project_root() / "mlruns").as_uri()
    SqlAlchemyStore(sqlite_uri(new), default)  # type: ignore[no-untyped-call]
    new.replace(file)


def is_incomplete(file: Path) -> bool:
    """Whether MLflow was interrupted while it made a store, which holds no runs then.

    Raises UserError for what is no store, and OSError where it can't be read, as on a full disk: to undo what was
    interrupted, SQLite has to write.
    """
    try:
        with closing(sqlite3.connect(file)) as store:
            tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            is_mlflows = not tables or "experiments" in tables
            migrating = {name for name in tables if name.startswith(OF_A_MIGRATION)}
            version = "alembic_version" in tables and store.execute("SELECT * FROM alembic_version").fetchone()
            runs = tables & {"runs", f"{OF_A_MIGRATION}runs"}
            has_runs = any(store.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in runs)
    except sqlite3.DatabaseError as error:
        code = error.sqlite_errorcode & PRIMARY
        if code == sqlite3.SQLITE_BUSY:
            return False
        if code in DAMAGED:
            advice = "move it away, and fill a new one with `python -m pipeline.track rebuild`"
            raise UserError(f"{shown(file)} can't be used as MLflow's store ({error}): {advice}") from None
        raise OSError(errno.EIO, str(error), str(file)) from None
    return is_mlflows and bool(migrating or not version) and not has_runs
