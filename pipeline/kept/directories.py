"""The directories that results are kept in. MLflow can be filled from them at any time.

A training's directory holds model/, run.json and, once it was evaluated, report/. Trainings by the stages lie in runs/
and have their own provenance/. A sweep's directory holds sweep.json, provenance/, comparison/, and a directory for each
point: 0/, 1/, ... DVC keeps model/ and report/ as well, but without times: the same settings must give the same bytes.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.console.errors import UserError
from pipeline.files.model import write_json
from pipeline.files.paths import content_of, naming, project_root, replaced, shown

MODEL, REPORT, PROVENANCE, COMPARISON = "model", "report", "provenance", "comparison"
RUNS, MULTIRUN = "runs", "multirun"
RUN, SWEEP = "run.json", "sweep.json"
CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False)


def new_id() -> str:
    """An id that finds the MLflow run of a training or a sweep again, in any store."""
    return uuid4().hex


@dataclass(frozen=True, config=CHECKED)
class KeptTraining:
    """How a training came about: run.json."""

    id: str
    started: float  # seconds since 1970
    ended: float
    tags: dict[str, str]  # its origin and its hashes
    row_times: list[float] = field(default_factory=list)  # of the history; empty: every row gets the time it ended
    sweep: str | None = None  # the id of its sweep, for a point
    repeats: bool = False  # whether the user asked to train a finished point again
    evaluated: float | None = None  # when its report was made


@dataclass(frozen=True, config=CHECKED)
class KeptSweep:
    """How a sweep came about, and what it found: sweep.json."""

    id: str
    name: str
    started: float
    status: str  # MLflow's: RUNNING, FINISHED, FAILED or KILLED
    tags: dict[str, str]
    params: dict[str, str]  # the grid
    ended: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    best_settings: str = ""
    repeats: bool = False  # whether the user asked to train finished points again


def runs_directory() -> Path:
    """Where the stages keep their trainings."""
    return project_root() / RUNS


def keep(training: KeptTraining, files: dict[str, Path], texts: dict[str, bytes]) -> Path:
    """Keep a training in runs/, with copies of some directories and its provenance. Returns its directory."""
    time = datetime.fromtimestamp(training.started).strftime("%Y-%m-%d_%H-%M-%S.%f")
    directory = runs_directory() / f"{time}_{training.id[:8]}"
    with replaced(directory) as partial:
        for name, source in files.items():
            shutil.copytree(source, partial / name)
        write_provenance(texts, partial)
        write(training, partial)
    return directory


def write_provenance(texts: dict[str, bytes], directory: Path) -> None:
    """Write what is too long for a run's tags."""
    for name, content in texts.items():
        (directory / PROVENANCE).mkdir(mode=0o700, exist_ok=True)
        file = directory / PROVENANCE / name
        file.touch(mode=0o600)
        with naming(file):
            file.write_bytes(content)


def write(kept: KeptTraining | KeptSweep, directory: Path) -> None:
    """Write run.json or sweep.json, all of it or nothing."""
    write_json(directory / (RUN if isinstance(kept, KeptTraining) else SWEEP), asdict(kept))


def read_training(directory: Path) -> KeptTraining:
    """Read a training's run.json. Raises UserError if it is missing or damaged."""
    with readable(directory):
        return KeptTraining(**read_json(directory / RUN))


def read_sweep(directory: Path) -> KeptSweep:
    """Read a sweep's sweep.json. Raises UserError if it is missing or damaged."""
    with readable(directory):
        return KeptSweep(**read_json(directory / SWEEP))


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON file."""
    content: dict[str, Any] = json.loads(content_of(file))
    return content


@contextmanager
def readable(directory: Path) -> Iterator[None]:
    """Turn the errors of reading a damaged directory into a UserError that names it."""
    try:
        yield
    except (ValueError, KeyError, TypeError, OSError) as error:
        if isinstance(error, OSError) and not is_of_reading(error, directory):
            raise
        raise UserError(f"{shown(directory)}/ can't be read ({in_short(error)})") from error


def is_of_reading(error: OSError, directory: Path) -> bool:
    """Whether a file in the directory can't be read. A failed copy has a second name, which can't be written."""
    return bool(error.filename) and not error.filename2 and Path(error.filename).is_relative_to(directory)


def in_short(error: Exception) -> str:
    """What is wrong with a file's content, in a few words."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def kept_directories() -> list[Path]:
    """All directories of trainings and sweeps, the oldest first, and points before their sweep."""
    root = project_root()
    found = [root.glob(pattern) for pattern in (f"{RUNS}/*/{RUN}", f"{MULTIRUN}/*/{SWEEP}", f"{MULTIRUN}/*/*/{RUN}")]
    directories = [file.parent for files in found for file in files]
    return sorted(directories, key=lambda directory: (directory.relative_to(root).parts[1], -len(directory.parts)))


def kept_trainings() -> Iterator[tuple[Path, KeptTraining]]:
    """The readable trainings in runs/, the newest first."""
    for file in sorted(runs_directory().glob(f"*/{RUN}"), reverse=True):
        try:
            training = read_training(file.parent)
        except UserError:
            continue
        yield file.parent, training
