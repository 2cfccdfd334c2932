"""Stage `config`: compose conf/ into params.yaml, which the other stages read, and check every setting.

`dvc exp run -S` composes params.yaml itself, with its overrides, before it runs this stage. Then the file is only
checked. `dvc repro` never composes, so this stage does it, byte for byte as DVC would.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline import settings
from pipeline.errors import UserError, run
from pipeline.files.paths import CONF, PARAMS


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


def main() -> None:
    """Write params.yaml, if the settings in conf/ are valid; in an experiment, check DVC's."""
    if "DVC_EXP_NAME" in os.environ and PARAMS.exists():
        settings.load()
        print("params.yaml is as `dvc exp run` composed it, and valid")
        return
    text = composed()
    settings.validate(yaml.safe_load(text))
    PARAMS.write_text(text, encoding="utf-8")
    print("composed conf/ into params.yaml")


if __name__ == "__main__":
    run(main)
