"""Read params.yaml, which the stage `config` or `dvc exp run` composed."""

import os
from contextlib import suppress

from pipeline.console.errors import UserError, warn
from pipeline.files.paths import PARAMS
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate
from pipeline.settings.yaml_file import values_of

REMEDY = "delete it and run `dvc repro` to compose it again from conf/"
IN_EXPERIMENTS = "DVC_EXP_NAME"  # what `dvc exp run` sets


def load() -> Settings:
    """The settings in params.yaml. Raises UserError if there are none, or naming every one that is wrong."""
    if not PARAMS.exists():
        raise UserError("params.yaml is missing: run `dvc repro config` to compose it from conf/")
    return validate(values_of(PARAMS, REMEDY))


def for_stage() -> Settings:
    """The settings in params.yaml, and a line on standard error if those in conf/ are others.

    In an experiment they were asked for, and the stage `config` lists them. Raises UserError as `load` does.
    """
    chosen = load()
    if IN_EXPERIMENTS not in os.environ:
        with suppress(UserError):  # a mistake in conf/ does not matter here
            say_where_conf_differs(chosen)
    return chosen


def say_where_conf_differs(chosen: Settings) -> None:
    """Say on standard error where conf/ has other settings, if it does. Raises UserError if it can't be composed."""
    from pipeline.settings.differences import differences, listed  # Hydra takes time, so not in every experiment

    if found := differences(chosen):
        warn(
            f"params.yaml has {listed(found)}: "
            "`python -m pipeline.config apply` writes that into conf/, `dvc exp run` returns to conf/"
        )
