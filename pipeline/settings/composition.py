"""Compose the settings in conf/ with Hydra."""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from pipeline.files.paths import CONF, shown
from pipeline.settings.hydra_errors import WHILE_COMPOSING, in_our_words
from pipeline.settings.overrides import parsed, refuse_several_values
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate
from pipeline.settings.yaml_file import values_of


def configuration(overrides: Sequence[str] = (), conf: Path = CONF) -> DictConfig:
    """The settings in conf/, with overrides. Raises UserError if they can't be composed."""
    refuse_several_values(parsed(overrides))
    check_files(conf)
    with in_our_words(*WHILE_COMPOSING):
        with initialize_config_dir(str(conf), version_base=None):
            config = compose("config", list(overrides))
        OmegaConf.resolve(config)
    return config


def composed(conf: Path = CONF) -> str:
    """The settings in conf/, as YAML. Raises UserError if they can't be composed."""
    return OmegaConf.to_yaml(configuration(conf=conf))


def settings_in(config: DictConfig) -> Settings:
    """The settings in a configuration. Raises UserError naming every one that is wrong."""
    with in_our_words(*WHILE_COMPOSING):
        values = OmegaConf.to_container(config, resolve=True)
    return validate(values)


def check_files(conf: Path = CONF) -> None:
    """Raise UserError for the first file in conf/ that does not hold settings. Hydra would not name it."""
    for file in sorted(conf.rglob("[!.]*.yaml")):
        values_of(file, f"correct it, or restore it with `git checkout {shown(file)}`")
