"""A sweep, from Hydra's jobs to the comparison in MLflow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from pipeline.datasets.normalised import datasets_for
from pipeline.figures import png
from pipeline.figures.sweep import accuracy_maps, learning_curves
from pipeline.files.dataset import Dataset
from pipeline.files.model import fingerprint, save_model
from pipeline.files.paths import replaced, shown
from pipeline.grid.key import key_of
from pipeline.grid.points import Point, points_of, settings_in_sweep, shall_retrain
from pipeline.grid.progress import Progress
from pipeline.grid.results import (
    Result,
    best_settings,
    comparison,
    summary,
    summary_as_text,
    validation_loss,
)
from pipeline.grid.stacks import stacks_of, work_of
from pipeline.grid.workers import Task, Workers
from pipeline.tracking.store import as_typed, connect
from pipeline.tracking.sweeps import Child, SweepRun, finished, logged_model, sweep_run


class Job(NamedTuple):
    """A point with all that it takes to train it."""

    point: Point
    dataset: Dataset
    key: str


@dataclass
class Sweep:
    """A sweep, in one batch of jobs or, as by Optuna, in several."""

    loader: ConfigLoader
    config: DictConfig
    backend: str
    run: str | None = None  # its id in MLflow, once it has begun
    results: dict[str, Result] = field(default_factory=dict)  # by the point's key

    def launch(self, overrides: Sequence[Sequence[str]], first: int) -> list[float]:
        """Train what is not yet finished, and compare all points; each one's validation loss."""
        datasets = datasets_for(settings_in_sweep(self.config))
        points = points_of(self.loader, self.config, overrides, first, datasets.for_point)
        jobs = []
        for point in points:
            dataset = datasets.for_point(point.settings)
            jobs.append(Job(point, dataset, key_of(point.settings, dataset.about)))
        workers = Workers(self.backend)

        retrain = shall_retrain(self.config)
        store = connect()
        keys = [job.key for job in jobs]
        known = {} if retrain else finished(store, keys)
        missing = list({job.key: job for job in jobs if job.key not in known}.values())
        print(f"{len(known)} of {len(known) + len(missing)} points are finished already")
        grid = {name: ",".join(values) for name, values in grid_of(points).items()}
        with sweep_run(store, name_of(points), keys, grid, self.run, retrain) as tracked:
            self.run = tracked.run
            for job in jobs:
                if job.key in known:
                    model = logged_model(store, known[job.key])
                    result = Result(job.point.settings, model.training, model.diagnosis, model.sha256, known[job.key])
                    self.keep(job, result)
            try:
                for job, result in self.trained(missing, workers, tracked):
                    self.keep(job, result)
            except KeyboardInterrupt:
                print(f"{len(self.results)} points are in MLflow, and the same command goes on from there")
                raise
            self.compare(tracked)
        return [validation_loss(self.results[job.key].training) for job in jobs]

    @property
    def directory(self) -> Path:
        """Where Hydra puts this sweep."""
        return Path(self.config.hydra.sweep.dir).absolute()

    def keep(self, job: Job, result: Result) -> None:
        """Keep a result without its network, so that any number of points needs little memory."""
        self.results[job.key] = result._replace(training=replace(result.training, network=()))

    def trained(self, jobs: Sequence[Job], workers: Workers, tracked: SweepRun) -> Iterator[tuple[Job, Result]]:
        """Train jobs in stacks; each one's result when its stack is done, written and logged."""
        by_number = {job.point.number: job for job in jobs}
        stacks = [
            [by_number[point.number] for point in stack]
            for stack in stacks_of([job.point for job in jobs], workers.count)
        ]
        with Progress([work_of([job.point for job in stack]) for stack in stacks], len(jobs)) as progress:
            tasks = [
                Task(
                    [job.point.settings for job in stack],
                    stack[0].dataset,
                    progress.observer(number, max(job.point.settings.iterations for job in stack)),
                )
                for number, stack in enumerate(stacks)
            ]
            for done in workers.train(tasks):
                for job, diagnosed in zip(stacks[done.number], done.diagnosed, strict=True):
                    config = job.point.settings.of_the_model()
                    directory = self.directory / str(job.point.number) / "model"
                    with replaced(directory) as partial:
                        save_model(diagnosed, config, job.dataset, partial)
                    child = Child(job.key, diagnosed, config, job.dataset.about, directory, done.started, done.ended)
                    run = tracked.add(child)
                    yield job, Result(job.point.settings, *diagnosed, fingerprint(directory), run)
                progress.reach(done.number, 1)

    def compare(self, tracked: SweepRun) -> None:
        """Write, log and print the comparison of all points so far."""
        results = list(self.results.values())
        table = comparison(results)
        with replaced(self.directory / "comparison") as directory:
            table.to_csv(directory / "sweep.csv", index=False, lineterminator="\n")
            (directory / "summary.txt").write_text(summary_as_text(table), encoding="utf-8")
            png.save(accuracy_maps(table), directory / "accuracy.png")
            png.save(learning_curves([(r.settings, r.training.history) for r in results]), directory / "curves.png")
        tags = {"best_run_id": table.run_id[0], "best_settings": best_settings(table)}
        tracked.add_comparison(summary(table), tags, self.directory / "comparison")
        print(summary_as_text(table), end="")
        print(f"{shown(self.directory)}/comparison/ has this table whole, as sweep.csv, and its pictures.")
        if tracked.is_told:
            print(f"MLflow has every point, under the run {tracked.name!r}: look with `make ui`, or `mlflow ui`.")
        else:
            print("MLflow will have every point when it answers again and `python -m pipeline.track` has run.")
        if typed := " ".join(f"-S {setting}" for setting in best_settings(table).split()):
            print(f"`dvc exp run {typed}` trains the best again, and tests it.")


def name_of(points: Sequence[Point]) -> str:
    """A sweep's name in MLflow's UI: the settings in which its points differ."""
    return "sweep of " + (" × ".join(name for name, values in grid_of(points).items() if len(values) > 1) or "a point")


def grid_of(points: Sequence[Point]) -> dict[str, list[str]]:
    """The values that each setting takes, as one types them."""
    configs: list[Mapping[str, object]] = [point.settings.of_the_model() for point in points]
    return {name: list(dict.fromkeys(as_typed(config[name]) for config in configs)) for name in configs[0]}
