"""The launcher and sweeper for conf/sweep.yaml. Hydra looks for plugins only here; pipeline.grid does the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from pipeline.console.errors import UserError, in_words


class StackedLauncher(Launcher):
    """Trains many points at once, and skips those already trained."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.sweep: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:  # noqa: ARG002
        """Prepare the sweep."""
        from pipeline.grid.launch import Sweep

        self.sweep = Sweep(hydra_context.config_loader, config, self.backend)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Train a batch of jobs."""
        try:
            losses = self.sweep.launch(job_overrides, initial_job_idx)
        except UserError as error:
            raise CompactHydraException(f"error: {error}") from None
        return [
            JobReturn(overrides=overrides, status=JobStatus.COMPLETED, _return_value=loss)
            for overrides, loss in zip(job_overrides, losses, strict=True)
        ]


class GridSweeper(BasicSweeper):
    """Hydra's own sweeper, without its check of each point, which takes a tenth of a second.

    The launcher checks all points instead, and names every invalid one.
    """

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep."""
        try:
            return super().sweep(arguments)
        except OSError as error:
            raise CompactHydraException(f"error: {in_words(error)}") from None

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
