"""Where a project is put in a state, and a command runs undisturbed: what a disturbed one is compared with."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.conftest import Project, new_project, with_results_committed
from tests.faults.nothing_lost import Outcome, outcome


class Scenario(NamedTuple):
    """A command, and the state of the project in which it starts."""

    command: tuple[str, ...]
    state: str = "reproduced"

    def __str__(self) -> str:
        return " ".join(self.command).removeprefix("python -m ")


REPRO = Scenario(("dvc", "repro"), "fresh")
SWEEP = Scenario(("python", "-m", "pipeline.sweep", "hidden=[20],[21]", "alpha=0.1,0.2"))


@dataclass
class Place:
    """Where projects are put, one at a time and always at the same path, since MLflow's store holds absolute paths."""

    directory: Path
    outcomes: dict[Scenario, Outcome] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        return Project(self.directory / "clone")

    def put(self, state: str) -> Project:
        """Put a project in a state, which is made when it is first needed."""
        kept = self.directory / state
        if not kept.exists():
            STATES[state](self)
            self.keep(state)
        shutil.rmtree(self.project.root, ignore_errors=True)
        shutil.copytree(kept, self.project.root, symlinks=True)
        return self.project

    def keep(self, state: str) -> None:
        """Keep what was put, and changed, as a state."""
        shutil.rmtree(self.directory / state, ignore_errors=True)
        shutil.copytree(self.project.root, self.directory / state, symlinks=True)

    def undisturbed(self, scenario: Scenario) -> Outcome:
        """What a command leaves when nothing disturbs it."""
        if scenario not in self.outcomes:
            project, started = self.put(scenario.state), time.monotonic()
            project.ok(*scenario.command)
            self.outcomes[scenario] = outcome(project, time.monotonic() - started)
        return self.outcomes[scenario]


def make_fresh(place: Place) -> None:
    shutil.rmtree(place.project.root, ignore_errors=True)
    project = new_project(place.project.root)
    project.edit("conf/config.yaml", "iterations: 500", "iterations: 20")
    with_results_committed(project)


def make_reproduced(place: Place) -> None:
    project = place.put("fresh")
    project.ok("dvc", "repro")
    with_results_committed(project)


def make_edited(place: Place) -> None:
    project = place.put("reproduced")
    project.edit("conf/config.yaml", "alpha: 0.3", "alpha: 0.2")
    project.ok("dvc", "repro", "config")
    with_results_committed(project)


def make_long(place: Place) -> None:
    project = place.put("edited")
    project.edit("conf/config.yaml", "iterations: 20 ", "iterations: 15000 ")
    project.ok("dvc", "repro", "config")
    with_results_committed(project)


def make_retrained(place: Place) -> None:
    project = place.put("edited")
    project.ok("dvc", "repro", "train")
    with_results_committed(project)


def make_swept(place: Place) -> None:
    place.put(SWEEP.state).ok(*SWEEP.command)


def make_without_store(place: Place) -> None:
    root = place.put("swept").root
    (root / "mlflow.db").unlink()
    shutil.rmtree(root / "mlartifacts")


def make_after_outage(place: Place) -> None:
    listed = (
        "from pipeline.kept.directories import kept_directories; from pipeline.tracking import unpublished; "
        "[*map(unpublished.add, kept_directories())]"
    )
    place.put("without_store").ok("python", "-c", listed)


STATES: dict[str, Callable[[Place], None]] = {
    "fresh": make_fresh,  # a clone in which nothing has run
    "reproduced": make_reproduced,  # dvc repro
    "edited": make_edited,  # and then another alpha was set
    "long": make_long,  # and a training that leaves checkpoints
    "retrained": make_retrained,  # and trained, but not evaluated
    "swept": make_swept,  # dvc repro, and a sweep
    "without_store": make_without_store,  # and its store was lost
    "after_outage": make_after_outage,  # or never there: everything is listed in unpublished/
}
