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
from pipeline.grid.job import Job
from pipeline.grid.points import Point
from pipeline.grid.tracked import TrackedSweep, opened
from pipeline.kept.directories import MODEL
from pipeline.kept.process import end_with
from pipeline.settings.schema import Settings
from pipeline.training.checkpoints import Checkpoints
from pipeline.training.key import key_of
from pipeline.training.tracked import train_and_show


class OneByOne:
    """Trains each point by itself, wherever a launcher of Hydra's runs its jobs."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.processes = 1  # at least: only the launcher knows how many

    def stacks(self, jobs: Mapping[str, Job], missing: Collection[str]) -> list[list[Job]]:
        """Each of the missing jobs by itself."""
        return [[job] for key, job in jobs.items() if key in missing]

    def train(
        self, jobs: Mapping[str, Job], missing: Collection[str], tracked: TrackedSweep
    ) -> Iterator[tuple[Job, Result]]:
        """Train those of the jobs, given by key, that are missing. Raises what a job raised, after all have ended."""
        chosen = [job for [job] in self.stacks(jobs, missing)]
        if not chosen:
            return
        first = chosen[0].point.number
        done = self.launcher.launch([job.point.overrides for job in chosen], first)
        for number, (job, job_return) in enumerate(zip(chosen, done, strict=True), start=first):
            if job_return.status == JobStatus.COMPLETED:
                model = load_model(tracked.directory / str(number) / MODEL)
                tracked.trained += 1
                yield job, Result(job.point.settings, model.training, model.diagnosis, model.sha256)
        for job_return in done:
            _ = job_return.return_value


def train_point(number: int, chosen: Settings, dataset: Dataset, directory: Path) -> None:
    """Train one point of the sweep in a directory, then keep and publish it."""
    tracked = opened(directory)
    end_with(tracked.kept.tags)
    job = Job(Point(number, (), chosen), dataset, key_of(chosen, dataset))
    checkpoints, started = Checkpoints([job.key]), time.time()
    diagnosed = train_and_show(chosen, dataset, lambda _: None, checkpoints)
    tracked.add(job, diagnosed, started, time.time())
    checkpoints.remove()
    print(summary(diagnosed, shown(directory / str(number) / MODEL)))
