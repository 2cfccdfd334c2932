"""Compose the settings in conf/ with Hydra."""

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
    """The settings in conf/, with overrides. Raises UserError if Hydra can't compose them."""
    try:
        with initialize_config_dir(str(conf), version_base=None):
            config = compose("config", list(overrides))
        OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        if not overrides:
            raise UserError(f"conf/ can't be composed: {error}") from None
        what, *_ = str(error).splitlines()  # the other lines list what conf/ has
        raise UserError(f"conf/ can't be composed with {' '.join(overrides)}: {what}") from None
    return config


def composed(conf: Path = CONF) -> str:
    """The settings in conf/, as YAML. Raises UserError if Hydra can't compose them."""
    return OmegaConf.to_yaml(configuration(conf=conf))


def settings_in(config: DictConfig) -> Settings:
    """The settings in a configuration. Raises UserError naming every one that is wrong."""
    return validate(OmegaConf.to_container(config, resolve=True))
