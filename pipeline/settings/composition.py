"""Settings out of conf/, as Hydra composes them."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.console.errors import UserError
from pipeline.files.paths import CONF
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate


def configuration(overrides: Sequence[str] = (), conf: Path = CONF) -> DictConfig:
    """The settings in conf/, with overrides. Raises UserError for what Hydra can't compose."""
    try:
        with initialize_config_dir(str(conf), version_base=None):
            config = compose("config", list(overrides))
        OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        if not overrides:
            raise UserError(f"conf/ can't be composed: {error}") from None
        what, *_ = str(error).splitlines()  # what is wrong with them; the other lines are what conf/ has
        raise UserError(f"conf/ can't be composed with {' '.join(overrides)}: {what}") from None
    return config


def composed(conf: Path = CONF) -> str:
    """The settings in conf/, as YAML. Raises UserError for a file that Hydra can't compose."""
    return OmegaConf.to_yaml(configuration(conf=conf))


def settings_in(config: DictConfig) -> Settings:
    """The settings in a configuration. Raises UserError that names each that is wrong."""
    return validate(OmegaConf.to_container(config, resolve=True))
