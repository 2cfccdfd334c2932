"""Compose the settings in conf/ with Hydra."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from pipeline.console.errors import UserError
from pipeline.files.paths import CONF, shown
from pipeline.settings.overrides import parsed, refuse_several_values
from pipeline.settings.schema import Settings
from pipeline.settings.validation import guess, unknown, validate
from pipeline.settings.yaml_file import values_of


def configuration(overrides: Sequence[str] = (), conf: Path = CONF) -> DictConfig:
    """The settings in conf/, with overrides. Raises UserError if they can't be composed."""
    refuse_several_values(parsed(overrides))
    check_files(conf)
    with in_our_words():
        with initialize_config_dir(str(conf), version_base=None):
            config = compose("config", list(overrides))
        OmegaConf.resolve(config)
    return config


def composed(conf: Path = CONF) -> str:
    """The settings in conf/, as YAML. Raises UserError if they can't be composed."""
    return OmegaConf.to_yaml(configuration(conf=conf))


def settings_in(config: DictConfig) -> Settings:
    """The settings in a configuration. Raises UserError naming every one that is wrong."""
    with in_our_words():
        values = OmegaConf.to_container(config, resolve=True)
    return validate(values)


def check_files(conf: Path = CONF) -> None:
    """Raise UserError for the first file of conf/ that does not hold settings. Hydra would not name it."""
    for file in sorted(conf.rglob("[!.]*.yaml")):
        values_of(file, f"correct it, or restore it with `git checkout {shown(file)}`")


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn what Hydra reports about conf/ and overrides into UserError."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explanation(error)) from None


def explanation(error: HydraException | OmegaConfBaseException) -> str:
    """What is wrong with conf/ or the overrides, as a sentence."""
    reason = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        note = " (others need a package: see docs/experiments.md)" if group.startswith("hydra/") else ""
        return f"there is no {group} {name}{guess(name, error.options)}: choose from {', '.join(error.options)}{note}"
    if isinstance(reason, ConfigAttributeError | ConfigKeyError) and reason.full_key:
        return no_setting(reason.full_key)
    lines = str(reason).splitlines()
    if isinstance(reason, OmegaConfBaseException):  # its other lines are about OmegaConf
        lines = [*lines[:1], f"(in {reason.full_key})" if reason.full_key else ""]
    elif isinstance(reason, MissingConfigException):  # its other lines list where Hydra looked
        lines = lines[:1]
    return f"conf/ can't be composed: {' '.join(lines).strip()}"


def no_setting(name: str) -> str:
    """The sentence for a name that conf/ doesn't have."""
    part, _, inner = name.partition(".")
    if part == "hydra":
        return f"there is no setting {name}: `python -m pipeline.sweep --cfg hydra` prints Hydra's"
    if part == "dataset" and inner:
        return f"there is no setting {name} in the chosen dataset: see conf/dataset for what each has"
    return unknown(name)
