"""params.yaml: the settings as the stage `config` or `dvc exp run` composed them."""

import yaml

from pipeline.console.errors import UserError
from pipeline.files.paths import PARAMS
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate


def load() -> Settings:
    """The settings in params.yaml. Raises UserError where there are none, or for each that is wrong."""
    if not PARAMS.exists():
        raise UserError("params.yaml is missing: run `dvc repro config` to compose it from conf/")
    try:
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        values = None
    if not isinstance(values, dict):
        raise UserError("params.yaml holds no settings: delete it and run `dvc repro` to compose it again from conf/")
    return validate(values)
