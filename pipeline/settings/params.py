"""Read params.yaml, which the stage `config` or `dvc exp run` composed."""

from pipeline.console.errors import UserError
from pipeline.files.paths import PARAMS
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate
from pipeline.settings.yaml_file import values_of

REMEDY = "delete it and run `dvc repro` to compose it again from conf/"


def load() -> Settings:
    """The settings in params.yaml. Raises UserError if there are none, or naming every one that is wrong."""
    if not PARAMS.exists():
        raise UserError("params.yaml is missing: run `dvc repro config` to compose it from conf/")
    return validate(values_of(PARAMS, REMEDY))
