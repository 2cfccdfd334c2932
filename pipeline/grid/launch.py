"""A sweep, from Hydra's jobs to the comparison in MLflow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig

from pipeline.comparison.results import (
    Result,
    best_settings,
    comparison,
    has_best,
    summary,
    summary_as_text,
    validation_loss,
    varied,
)
from pipeline.comparison.seeds import by_setting
from pipeline.console.output import say
from pipeline.console.signals import interruptible
from pipeline.datasets.normalised import datasets_for
from pipeline.figures import png
from pipeline.figures.sweep import accuracy_maps, learning_curves
from pipeline.files.paths import replaced, shown
from pipeline.grid.job import Job
from pipeline.grid.points import Point, points_of, settings_in_sweep, should_retrain
from pipeline.grid.progress import Progress
from pipeline.grid.stacks import stacks_of, work_of
from pipeline.grid.tracked import TrackedSweep, start
from pipeline.grid.workers import Task, Workers
from pipeline.settings.command import experiment_command
from pipeline.settings.typed import as_typed
from pipeline.tracking.kept import COMPARISON
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.sweeps import SUMMARY, TABLE, finished_models
from pipeline.training.alone import alone
from pipeline.training.checkpoints import Checkpoints, interrupted
from pipeline.training.key import key_of

TABLE_OF_SETTINGS = "sweep_by_setting.csv"


@dataclass
class Sweep:
    """A sweep, in one batch of jobs or in several, as Optuna needs."""

    loader: ConfigLoader
    config: DictConfig
    backend: str
    publisher: Publisher = field(default_factory=Publisher)
    tracked: TrackedSweep | None = None  # set once the sweep starts
    results: dict[str, Result] = field(default_factory=dict)  # by point key

    def launch(self, overrides: Sequence[Sequence[str]], first: int) -> list[float]:
        """Train all unfinished points, compare all points, and return each job's validation loss."""
        jobs = self.jobs(overrides, first)
        workers = Workers(self.backend)
        with interruptible(), alone([job.key for job in jobs]):
            by_key = {job.key: job for job in jobs}
            if not should_retrain(self.config):
                self.recall(by_key)
            say(intention(len(by_key.keys() - self.results.keys()), len(by_key)))
            tracked = self.tracked = self.tracked or self.start(jobs)
            with tracked.running():
                self.train(by_key, workers, tracked)
                table = self.compare(tracked)
        self.report(table, tracked)
        return [validation_loss(self.results[job.key].training) for job in jobs]

    @property
    def directory(self) -> Path:
        """Where Hydra puts this sweep."""
        return Path(self.config.hydra.sweep.dir).absolute()

    def jobs(self, overrides: Sequence[Sequence[str]], first: int) -> list[Job]:
        """The jobs to train. Raises UserError naming every invalid point."""
        datasets = datasets_for(settings_in_sweep(self.config))
        points = points_of(self.loader, self.config, overrides, first, datasets.for_point)
        with_data = [(point, datasets.for_point(point.settings)) for point in points]
        return [Job(point, dataset, key_of(point.settings, dataset)) for point, dataset in with_data]

    def start(self, jobs: Sequence[Job]) -> TrackedSweep:
        """Start the sweep's run."""
        points = [job.point for job in jobs]
        grid = {name: ",".join(values) for name, values in grid_of(points).items()}
        keys = [job.key for job in jobs]
        return start(self.publisher, self.directory, name_of(points), keys, grid, should_retrain(self.config))

    def recall(self, jobs: Mapping[str, Job]) -> None:
        """Load the results of jobs, given by key, that MLflow has already finished."""
        known = self.publisher.attempt(lambda store: finished_models(store, [*jobs])) or {}
        for key, (_, model) in known.items():
            self.keep(jobs[key], Result(jobs[key].point.settings, model.training, model.diagnosis, model.sha256))

    def train(self, jobs: Mapping[str, Job], workers: Workers, tracked: TrackedSweep) -> None:
        """Train the jobs, given by key, that have no result, and keep their results."""
        try:
            for job, result in self.trained(jobs, workers, tracked):
                self.keep(job, result)
        except KeyboardInterrupt:
            say(f"{counted(len(self.results))} done; run the same command to continue")
            raise

    def keep(self, job: Job, result: Result) -> None:
        """Keep a result, without its network to save memory."""
        self.results[job.key] = result._replace(training=replace(result.training, network=()))

    def trained(self, jobs: Mapping[str, Job], workers: Workers, tracked: TrackedSweep) -> Iterator[tuple[Job, Result]]:
        """Train jobs in stacks. Yields each job's result, kept and published, when its stack is done."""
        stacks = self.stacks(jobs, workers.count)
        with Progress([work_of([job.point for job in stack]) for stack in stacks], sum(map(len, stacks))) as progress:
            tasks = [
                Task(
                    [job.point.settings for job in stack],
                    stack[0].dataset,
                    progress.observer(number, max(job.point.settings.iterations for job in stack)),
                    Checkpoints([job.key for job in stack]),
                )
                for number, stack in enumerate(stacks)
            ]
            for done in workers.train(tasks):
                for job, diagnosed in zip(stacks[done.number], done.diagnosed, strict=True):
                    if job.key not in self.results:
                        sha256 = tracked.add(job, diagnosed, done.started, done.ended)
                        yield job, Result(job.point.settings, *diagnosed, sha256)
                tasks[done.number].checkpoints.remove()
                progress.reach(done.number, 1)

    def stacks(self, jobs: Mapping[str, Job], workers: int) -> list[list[Job]]:
        """The jobs without a result, in stacks: first those that left a checkpoint together, then new ones."""
        missing = jobs.keys() - self.results.keys()
        stacks = []
        for keys in interrupted(jobs):
            if missing & set(keys):
                stacks.append([jobs[key] for key in keys])
                missing -= set(keys)
            else:
                Checkpoints(keys).remove()
        by_number = {job.point.number: job for key, job in jobs.items() if key in missing}
        new = stacks_of([job.point for job in by_number.values()], workers)
        return stacks + [[by_number[point.number] for point in stack] for stack in new]

    def where(self, tracked: TrackedSweep) -> str:
        """In which run of MLflow the points are, as far as this sweep trained them."""
        name, count = repr(tracked.kept.name), len(self.results)
        if tracked.trained == count:
            return f", under the run {name}"
        return f", {tracked.trained} of {count} under the run {name} and the others under the sweeps that trained them"

    def compare(self, tracked: TrackedSweep) -> pd.DataFrame:
        """Write the comparison of all points so far, and return its table."""
        results = list(self.results.values())
        table = comparison(results)
        with replaced(self.directory / COMPARISON) as directory:
            table.to_csv(directory / TABLE, index=False, lineterminator="\n")
            by_setting(table).to_csv(directory / TABLE_OF_SETTINGS, index=False, lineterminator="\n")
            (directory / SUMMARY).write_text(summary_as_text(table), encoding="utf-8")
            png.save(accuracy_maps(table), directory / "accuracy.png")
            histories = {result.model_sha256: result.training.history for result in results}
            png.save(learning_curves(table, histories), directory / "curves.png")
        tracked.kept = replace(tracked.kept, metrics=summary(table), best_settings=best_settings(table))
        return table

    def report(self, table: pd.DataFrame, tracked: TrackedSweep) -> None:
        """Print the comparison, and where to look."""
        say(summary_as_text(table).rstrip())
        say(f"{shown(self.directory)}/comparison/ has {TABLE}, {TABLE_OF_SETTINGS} and pictures.")
        if self.publisher.unreachable_since is None:
            say(f"Every point is in MLflow{self.where(tracked)}: see `make ui` or `mlflow ui`.")
        else:
            say("MLflow is unreachable: run `python -m pipeline.track` later to publish every point.")
        if has_best(table):
            say(f"`{self.command_for(table.model_sha256[0], varied(table))}` trains the best point again and tests it.")
        else:
            say("There is no best point: each one diverged or has a built-in fault.")

    def command_for(self, sha256: str, also: Sequence[str]) -> str:
        """The command that trains the point of a model again, naming some settings even if they are those of conf/."""
        chosen = next(result.settings for result in self.results.values() if result.model_sha256 == sha256)
        conf = settings_in_sweep(self.loader.load_configuration("config", [], RunMode.RUN))
        return experiment_command(chosen, conf, list(self.config.hydra.overrides.task), also)


def intention(missing: int, points: int) -> str:
    """What a sweep is going to do."""
    if missing == 0:
        return f"every point is already finished: {counted(points)}"
    if missing == points:
        return f"training {counted(points)}"
    return f"training {missing} of {points} points; the rest are already finished"


def counted(points: int) -> str:
    """A number of points in words."""
    return f"{points} point{'' if points == 1 else 's'}"


def name_of(points: Sequence[Point]) -> str:
    """A sweep's name in MLflow's UI: the settings that it varies."""
    return "sweep of " + (" × ".join(name for name, values in grid_of(points).items() if len(values) > 1) or "a point")


def grid_of(points: Sequence[Point]) -> dict[str, list[str]]:
    """The values of each setting, in command-line syntax."""
    configs: list[Mapping[str, object]] = [point.settings.of_the_model() for point in points]
    return {name: list(dict.fromkeys(as_typed(config[name]) for config in configs)) for name in configs[0]}
