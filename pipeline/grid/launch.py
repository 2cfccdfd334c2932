"""A sweep, from Hydra's jobs to the comparison in MLflow."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig

from pipeline.comparison.results import Result, best_settings, has_best, objectives, summary, varied
from pipeline.console.errors import UserError
from pipeline.console.output import say
from pipeline.console.signals import interruptible
from pipeline.datasets.normalised import datasets_for
from pipeline.grid.outcome import told, write_comparison
from pipeline.grid.plan import counted, plan
from pipeline.grid.points import DRY_RUN, RETRAIN, Point, is_set, points_of, searched_in, settings_in_sweep
from pipeline.grid.tracked import TrackedSweep, start
from pipeline.settings.command import experiment_command
from pipeline.settings.typed import as_typed
from pipeline.tracking.address import store_file
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.sweeps import finished_models, finished_points
from pipeline.training.alone import alone
from pipeline.training.key import key_of_all

if TYPE_CHECKING:
    from pipeline.grid.one_by_one import OneByOne
    from pipeline.grid.together import Together

# Holds what this process's sweep opens. The command closes it at the end, which only it knows: some sweepers launch
# many batches.
whole_sweep = ExitStack()


@dataclass
class Sweep:
    """A sweep, in one batch of jobs or in several, as Optuna needs."""

    loader: ConfigLoader
    config: DictConfig
    trainer: "Together | OneByOne"
    publisher: Publisher = field(default_factory=Publisher)
    tracked: TrackedSweep | None = None  # set once the sweep starts
    results: dict[str, Result] = field(default_factory=dict)  # by point key

    def launch(self, overrides: Sequence[Sequence[str]], first: int) -> list[float]:
        """Train all unfinished points of a batch, and return what the sweeper minimises for each."""
        datasets = datasets_for(settings_in_sweep(self.config))
        points = points_of(self.loader, self.config, overrides, first, datasets.for_point)
        by_key = {point.key: point for point in points}
        if is_set(self.config, DRY_RUN):
            self.rehearse(by_key)
            return [0.0] * len(points)
        sweep_key = self.sweep_key(points)
        if self.tracked is None:
            whole_sweep.enter_context(interruptible())
            whole_sweep.enter_context(alone(sweep_key))
        if not is_set(self.config, RETRAIN):
            self.recall(by_key)
        missing = by_key.keys() - self.results.keys()
        say(intention(len(missing), len(by_key)))
        if self.tracked is None:
            self.tracked = self.start(points, sweep_key)
            whole_sweep.enter_context(self.running(self.tracked))
        self.train(by_key, missing, self.tracked)
        return objectives([self.results[point.key] for point in points])

    @property
    def directory(self) -> Path:
        """Where Hydra puts this sweep."""
        return Path(self.config.hydra.sweep.dir).absolute()

    def sweep_key(self, points: Sequence[Point]) -> str:
        """The hash of what makes two sweeps the same: the points of a grid, or a search's first points and spaces."""
        spaces = [f"{name}={space}" for name, space in searched_in(self.config).items()]
        return key_of_all([*(point.key for point in points), *spaces])

    def start(self, points: Sequence[Point], sweep_key: str) -> TrackedSweep:
        """Start the sweep's run."""
        searched = searched_in(self.config)
        grid = grid_of(points)
        params = {name: ",".join(values) for name, values in grid.items()} | searched
        repeats = is_set(self.config, RETRAIN)
        return start(self.publisher, self.directory, name_of(grid, searched), sweep_key, params, repeats)

    @contextmanager
    def running(self, tracked: TrackedSweep) -> Iterator[None]:
        """Keep the sweep's run open, compare all points at the end, and say where to look."""
        with tracked.running():
            yield
            table = write_comparison([*self.results.values()], self.directory)
            tracked.kept = replace(tracked.kept, metrics=summary(table), best_settings=best_settings(table))
        best = self.command_for(table.model_sha256[0], varied(table)) if has_best(table) else None
        say(told(table, tracked, best))

    def rehearse(self, points: Mapping[str, Point]) -> None:
        """Print what launching these points, given by key, would do. Raises UserError for a search."""
        if searched_in(self.config):
            raise UserError("a dry run needs a grid: a search chooses its points as it goes")
        known = self.known_keys() if not is_set(self.config, RETRAIN) else set()
        missing = [key for key in points if key not in known]
        say(plan(points, missing, self.trainer.stacks(points, missing), self.trainer.processes))

    def known_keys(self) -> set[str]:
        """The keys of all finished points. No store is made for the question."""
        file = store_file()
        if file is not None and not file.exists():
            return set()
        return set(self.publisher.attempt(finished_points) or ())

    def recall(self, points: Mapping[str, Point]) -> None:
        """Load the results of points, given by key, that MLflow has already finished."""
        known = self.publisher.attempt(lambda store: finished_models(store, [*points])) or {}
        for key, model in known.items():
            self.keep(points[key], Result(points[key].settings, model.training, model.diagnosis, model.sha256))

    def train(self, points: Mapping[str, Point], missing: Collection[str], tracked: TrackedSweep) -> None:
        """Train those of the points, given by key, that are missing, and keep their results."""
        try:
            for point, result in self.trainer.train(points, missing, tracked):
                self.keep(point, result)
        except KeyboardInterrupt:
            say(f"{len(self.results)} of {counted(len(points))} finished; run the same command to continue")
            raise

    def keep(self, point: Point, result: Result) -> None:
        """Keep a result, without its network to save memory."""
        self.results[point.key] = result._replace(training=replace(result.training, network=()))

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


def name_of(grid: Mapping[str, Sequence[str]], searched: Collection[str]) -> str:
    """A sweep's name in MLflow's UI: the settings that it varies."""
    several = [name for name, values in grid.items() if name in searched or len(values) > 1]
    return f"{'search over' if searched else 'sweep of'} {' × '.join(several) or 'a point'}"


def grid_of(points: Sequence[Point]) -> dict[str, list[str]]:
    """The values of each setting, in command-line syntax."""
    configs: list[Mapping[str, object]] = [point.settings.of_the_model() for point in points]
    return {name: list(dict.fromkeys(as_typed(config[name]) for config in configs)) for name in configs[0]}
