"""The points of a grid: turn Hydra's overrides into settings, and check them all before anything runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.files.dataset import Dataset
from pipeline.settings.composition import settings_in
from pipeline.settings.hydra_errors import WHILE_COMPOSING, in_our_words
from pipeline.settings.schema import Settings
from pipeline.training.key import key_of

SWEEPERS_OF_GRIDS = (".GridSweeper", ".BasicSweeper")
OF_THE_SWEEP = RETRAIN, DRY_RUN = "retrain", "dry_run"  # keys of conf/sweep.yaml that are not settings of a training


class Point(NamedTuple):
    """A training in a sweep: one to run, or one that an earlier sweep has run."""

    number: int  # Hydra's job number
    overrides: Sequence[str]
    settings: Settings
    dataset: Dataset
    key: str


def points_of(
    loader: ConfigLoader,
    sweep: DictConfig,
    jobs: Sequence[Sequence[str]],
    first: int,
    dataset_for: Callable[[Settings], Dataset],
) -> list[Point]:
    """The points of Hydra's jobs, numbered from `first`.

    Raises UserError naming every point whose settings are invalid, or for which `dataset_for` has no data.
    """
    composer = Composer(loader, sweep)
    points: list[Point] = []
    problems: dict[str, list[str]] = {}
    for number, job in enumerate(jobs, start=first):
        try:
            chosen = composer.settings_of(job)
            dataset = dataset_for(chosen)
            points.append(Point(number, job, chosen, dataset, key_of(chosen, dataset)))
        except UserError as error:
            problems.setdefault(str(error), []).append(" ".join(job))
    if problems:
        raise UserError(without_credentials(report(problems, len(jobs))))
    return points


def report(problems: Mapping[str, Sequence[str]], count: int) -> str:
    """All mistakes in a sweep of `count` points, given with the points that have them."""
    if count == 1:
        return next(iter(problems))
    invalid = sum(map(len, problems.values()))
    lines = [f"{invalid} of {count} points {'is' if invalid == 1 else 'are'} invalid, so none is trained:"]
    for mistakes, points in problems.items():
        lines += [f"  {mistake.strip()}" for mistake in mistakes.splitlines()]
        lines += [f"      {point}" for point in points]
    return "\n".join(lines)


class Composer:
    """Composes the settings of jobs as Hydra does, but faster.

    Hydra needs a tenth of a second per job. So compose only once per choice of config files, and apply overrides that
    merely set a value to a copy of the result. Parse each override once.
    """

    def __init__(self, loader: ConfigLoader, sweep: DictConfig) -> None:
        self.loader = loader
        self.sweep = sweep
        self.groups = set(loader.list_groups(""))
        self.composed: dict[tuple[str, ...], DictConfig] = {}
        self.parsed: dict[str, Override] = {}

    def settings_of(self, job: Sequence[str]) -> Settings:
        """The settings of a job, given as a list of overrides. Raises UserError if they are not valid."""
        with in_our_words(*WHILE_COMPOSING):
            config = self.composed_of(job)
        return settings_in(config)

    def composed_of(self, job: Sequence[str]) -> DictConfig:
        """The configuration of a job."""
        overrides = [one for one in map(self.parsed_once, job) if one.key_or_group not in OF_THE_SWEEP]
        values = [override for override in overrides if self.sets_a_value(override)]
        files = tuple(str(override.input_line) for override in overrides if override not in values)
        if files not in self.composed:
            self.composed[files] = without_sweep_keys(self.loader.load_sweep_config(self.sweep, list(files)))
        config = self.composed[files].copy()
        for override in values:
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        return config

    def parsed_once(self, text: str) -> Override:
        """An override, from its text."""
        if text not in self.parsed:
            self.parsed[text] = OverridesParser.create(self.loader).parse_override(text)
        return self.parsed[text]

    def sets_a_value(self, override: Override) -> bool:
        """Whether an override changes an existing value, rather than choosing a file in conf/."""
        name = override.key_or_group
        exists = OmegaConf.select(self.sweep, name, default=...) is not ...
        return override.type == OverrideType.CHANGE and exists and name.split(".")[0] not in {"hydra", *self.groups}


def settings_in_sweep(config: DictConfig) -> Settings:
    """The settings of a training, from a configuration of the sweep."""
    return settings_in(without_sweep_keys(config))


def is_set(config: DictConfig, name: str) -> bool:
    """Whether RETRAIN or DRY_RUN is true. Raises UserError if the value is neither true nor false."""
    value = config[name]
    if not isinstance(value, bool):
        raise UserError(f"{name} can't be {value}: it must be true or false")
    return value


def searched_in(sweep: DictConfig) -> dict[str, str]:
    """The settings that a sweeper such as Optuna searches, with the spaces as they were typed. None for a grid."""
    if sweep.hydra.sweeper._target_.endswith(SWEEPERS_OF_GRIDS):
        return {}
    in_conf = [f"{name}={space}" for name, space in (sweep.hydra.sweeper.get("params") or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*in_conf, *sweep.hydra.overrides.task])
    return {one.key_or_group: str(one.input_line).partition("=")[2] for one in overrides if one.is_sweep_override()}


def without_sweep_keys(config: DictConfig) -> DictConfig:
    """A sweep's configuration without the keys that concern only the sweep."""
    return OmegaConf.masked_copy(config, [str(name) for name in config if name not in ("hydra", *OF_THE_SWEEP)])
