"""What conf/sweep.yaml names. Hydra looks for plugins only here; pipeline.grid does the work."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, flag_override

from pipeline.console.errors import UserError

MOST = 100_000  # points in a sweep


class StackedLauncher(Launcher):
    """Makes one sweep of all jobs, which skips those already trained.

    It trains many points at once or, given the configuration of another launcher, each point as a job of that one.
    """

    def __init__(self, backend: str = "", by: DictConfig | None = None) -> None:
        self.backend = backend
        self.by = by
        self.sweep: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Prepare the sweep."""
        from pipeline.grid.launch import Sweep
        from pipeline.grid.one_by_one import OneByOne
        from pipeline.grid.together import Together

        trainer: Together | OneByOne
        if self.by is None:
            trainer = Together(self.backend)
        else:
            choose(self.by, config)
            make = Plugins.instance().instantiate_launcher
            trainer = OneByOne(make(hydra_context=hydra_context, task_function=task_function, config=config))
        self.sweep = Sweep(hydra_context.config_loader, config, trainer)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Train a batch of jobs. Where none is trained, nothing is left behind."""
        try:
            values = self.sweep.launch(job_overrides, initial_job_idx)
        finally:
            remove_unused(self.sweep.directory)
        return [
            JobReturn(overrides=overrides, status=JobStatus.COMPLETED, _return_value=value)
            for overrides, value in zip(job_overrides, values, strict=True)
        ]


class OneSweep(Callback):
    """Puts the launcher above in front of the one that the user chose, which then only has to run single jobs."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Change the launcher, before Hydra makes it."""
        chosen = config.hydra.launcher
        if chosen._target_ != StackedLauncherConf._target_:
            choose({"_target_": StackedLauncherConf._target_, "_recursive_": False, "by": chosen}, config)


def choose(launcher: Any, config: DictConfig) -> None:
    """Change the launcher in a configuration."""
    with flag_override(config.hydra, ["struct", "readonly"], [False, False]):
        config.hydra.launcher = launcher


def remove_unused(directory: Path) -> None:
    """Remove a sweep's directory that holds only the file with which Hydra begins, and then its parent if empty."""
    if directory.is_dir() and [file.name for file in directory.iterdir()] == ["multirun.yaml"]:
        shutil.rmtree(directory)
        with suppress(OSError):
            directory.parent.rmdir()


def count(override: Override) -> int:
    """How many values a swept setting has, though at most one too many. Raises UserError if it has none to list."""
    text = override.input_line
    if override.is_interval_sweep():
        raise UserError(f"{text} is not a list of values: list some, or search with hydra/sweeper=optuna")
    try:
        values = sum(1 for _ in islice(override.sweep_iterator(), MOST + 1))
    except ValueError as error:
        raise UserError(f"{text} can't be listed: {error}") from None
    if values == 0:
        raise UserError(f"{text} has no values")
    return values


class GridSweeper(BasicSweeper):
    """Hydra's own sweeper, without its check of each point, which takes a tenth of a second.

    The launcher checks all points instead, and names every invalid one.
    """

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """The batches of points. Raises UserError for a setting without a list of values, or too many points."""
        counts = {override.get_key_element(): count(override) for override in overrides if override.is_sweep_override()}
        if prod(counts.values()) > MOST:
            raise UserError(f"the grid has more than {MOST:,} points: sweep some of them at a time")
        return BasicSweeper.split_arguments(overrides, max_batch_size)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Do nothing: the launcher checks the points."""


@dataclass
class StackedLauncherConf:
    """hydra/launcher=stacked."""

    _target_: str = "hydra_plugins.stacked.StackedLauncher"
    backend: str = "in_process"  # in_process | loky | ray


@dataclass
class GridSweeperConf(BasicSweeperConf):
    """hydra/sweeper=grid."""

    _target_: str = "hydra_plugins.stacked.GridSweeper"


ConfigStore.instance().store("stacked", StackedLauncherConf, group="hydra/launcher", provider="hydra_plugins.stacked")
ConfigStore.instance().store("grid", GridSweeperConf, group="hydra/sweeper", provider="hydra_plugins.stacked")
