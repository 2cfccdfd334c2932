"""Read params.yaml, which the stage `config` or `dvc exp run` composed."""

import yaml

from pipeline.console.errors import UserError
from pipeline.files.paths import PARAMS
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate


def load() -> Settings:
    """The settings in params.yaml. Raises UserError if there are none, or naming every one that is wrong."""
    if not PARAMS.exists():
        raise UserError("params.yaml is missing: run `dvc repro config` to compose it from conf/")
    try:
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        values = None
    if not isinstance(values, dict):
        raise UserError("params.yaml holds no settings: delete it and run `dvc repro` to compose it again from conf/")
    return validate(values)
