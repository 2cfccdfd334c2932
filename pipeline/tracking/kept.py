"""What is kept of a training or a sweep when it is over: a directory, from which MLflow can be filled again.

A training's has model/, report/ once it was evaluated, provenance/ where the training has its own, and run.json. Those
of the stages are in runs/; a sweep's points are in the sweep's directory, as 0/, 1/, ..., beside its sweep.json. DVC
keeps model/ and report/ as well, but no times: its outputs must be the same bytes for the same settings.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipeline.console.errors import UserError
from pipeline.files.model import write_json
from pipeline.files.paths import METRICS, project_root, replaced, shown

MODEL, REPORT, PROVENANCE, COMPARISON = "model", "report", "provenance", "comparison"
RUN, SWEEP = "run.json", "sweep.json"


def new_id() -> str:
    """An id by which MLflow's run of a training or a sweep is found again, in whatever store."""
    return uuid4().hex


@dataclass(frozen=True)
class KeptTraining:
    """How a training came about: run.json."""

    id: str
    started: float  # seconds since 1970
    ended: float
    tags: dict[str, str]  # where it comes from, and what it is
    row_times: list[float] = field(default_factory=list)  # when each row of the history was made; else at the end
    sweep: str | None = None  # the id of the sweep that it is a point of
    repeats: bool = False  # whether it was trained again on purpose, though it was finished
    evaluated: float | None = None  # when its report was made

    @property
    def is_filled_in(self) -> bool:
        """Whether it was made later, of what DVC has: without its times, and not on this machine perhaps."""
        return "filled_in" in self.tags


@dataclass(frozen=True)
class KeptSweep:
    """How a sweep came about, and what it found out: sweep.json."""

    id: str
    name: str
    started: float
    status: str  # as MLflow has it: RUNNING, FINISHED, FAILED or KILLED
    tags: dict[str, str]
    params: dict[str, str]  # the grid
    ended: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    best_settings: str = ""
    repeats: bool = False  # whether finished points were trained again on purpose


def runs_directory() -> Path:
    """Where the stages' trainings are kept."""
    return project_root() / "runs"


def keep(training: KeptTraining, files: dict[str, Path], texts: dict[str, bytes]) -> Path:
    """Keep a training in runs/: its directories by their names, and its provenance; where that is."""
    directory = runs_directory() / datetime.fromtimestamp(training.started).strftime("%Y-%m-%d_%H-%M-%S.%f")
    with replaced(directory) as partial:
        for name, source in files.items():
            shutil.copytree(source, partial / name)
        write_provenance(texts, partial)
        write(training, partial)
    return directory


def write_provenance(texts: dict[str, bytes], directory: Path) -> None:
    """Write what is too long for the tags of a run."""
    for name, content in texts.items():
        (directory / PROVENANCE).mkdir(exist_ok=True)
        (directory / PROVENANCE / name).write_bytes(content)


def write(what: KeptTraining | KeptSweep, directory: Path) -> None:
    """Write run.json or sweep.json, whole or not at all."""
    file = directory / (RUN if isinstance(what, KeptTraining) else SWEEP)
    new = file.with_suffix(".partial")
    write_json(new, asdict(what))
    new.replace(file)


def read_training(directory: Path) -> KeptTraining:
    """A training's run.json. Raises UserError where there is none, or not one of these."""
    with readable(directory):
        return KeptTraining(**read_json(directory / RUN))


def read_sweep(directory: Path) -> KeptSweep:
    """A sweep's sweep.json. Raises UserError where there is none, or not one of these."""
    with readable(directory):
        return KeptSweep(**read_json(directory / SWEEP))


def read_json(file: Path) -> dict[str, Any]:
    """The content of a file of JSON."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


@contextmanager
def readable(directory: Path) -> Iterator[None]:
    """Raise UserError that names a directory where what is kept in it can't be read."""
    try:
        yield
    except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
        raise UserError(f"what {shown(directory)}/ holds can't be read ({error})") from error


def add_report(directory: Path, report: Path, now: float) -> None:
    """Keep a training's report; the time of an evaluation that changed nothing stays."""
    training = read_training(directory)
    before = directory / REPORT / METRICS
    if training.evaluated is not None and before.read_bytes() == (report / METRICS).read_bytes():
        now = training.evaluated
    with replaced(directory / REPORT) as partial:
        shutil.copytree(report, partial, dirs_exist_ok=True)
    write(replace(training, evaluated=now), directory)


def kept_directories() -> list[Path]:
    """Where trainings and sweeps are kept, in runs/ and multirun/, the oldest first, and points before their sweep."""
    root = project_root()
    found = [root.glob(pattern) for pattern in (f"runs/*/{RUN}", f"multirun/*/{SWEEP}", f"multirun/*/*/{RUN}")]
    directories = [file.parent for files in found for file in files]
    return sorted(directories, key=lambda directory: (directory.relative_to(root).parts[1], -len(directory.parts)))


def kept_trainings() -> Iterator[tuple[Path, KeptTraining]]:
    """The trainings in runs/ that can be read, the newest first."""
    for file in sorted(runs_directory().glob(f"*/{RUN}"), reverse=True):
        try:
            training = read_training(file.parent)
        except UserError:
            continue
        yield file.parent, training
