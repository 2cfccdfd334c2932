"""Train the points of a sweep one by one, each as a job of one of Hydra's launchers, perhaps on another machine."""

import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher

from pipeline.comparison.results import Result
from pipeline.console.summary import summary
from pipeline.files.dataset import Dataset
from pipeline.files.model import load_model
from pipeline.files.paths import shown
from pipeline.grid.points import Point
from pipeline.grid.tracked import TrackedSweep
from pipeline.kept.directories import MODEL, read_sweep
from pipeline.kept.process import end_with
from pipeline.settings.schema import Settings
from pipeline.tracking.publisher import Publisher
from pipeline.training.checkpoints import Checkpoints
from pipeline.training.key import key_of
from pipeline.training.tracked import train_and_show


class OneByOne:
    """Trains each point by itself, wherever a launcher of Hydra's runs its jobs."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.processes = 1  # at least: only the launcher knows how many

    def stacks(self, points: Mapping[str, Point], missing: Collection[str]) -> list[list[Point]]:
        """Each of the missing points by itself."""
        return [[point] for key, point in points.items() if key in missing]

    def train(
        self, points: Mapping[str, Point], missing: Collection[str], tracked: TrackedSweep
    ) -> Iterator[tuple[Point, Result]]:
        """Train those of the points, given by key, that are missing. Raises what a job raised, after all have ended."""
        chosen = [point for [point] in self.stacks(points, missing)]
        if not chosen:
            return
        first = chosen[0].number
        done = self.launcher.launch([point.overrides for point in chosen], first)
        for number, (point, job_return) in enumerate(zip(chosen, done, strict=True), start=first):
            if job_return.status == JobStatus.COMPLETED:
                directory = tracked.directory / str(number)
                model = load_model(directory / MODEL)
                tracked.publisher.publish(directory)  # again, to learn whether MLflow took what the job published
                tracked.trained += 1
                yield point, Result(point.settings, model.training, model.diagnosis, model.sha256)
        for job_return in done:
            _ = job_return.return_value


def train_point(number: int, chosen: Settings, dataset: Dataset, directory: Path) -> None:
    """Train one point of the sweep in a directory, then keep and publish it. Raises UserError if there is no sweep."""
    tracked = TrackedSweep(Publisher(), directory, read_sweep(directory))
    end_with(tracked.kept.tags)
    point = Point(number, (), chosen, dataset, key_of(chosen, dataset))
    checkpoints, started = Checkpoints([point.key]), time.time()
    diagnosed = train_and_show(chosen, dataset, lambda _: None, checkpoints)
    tracked.add(point, diagnosed, started, time.time())
    checkpoints.remove()
    print(summary(diagnosed, shown(directory / str(number) / MODEL)))
