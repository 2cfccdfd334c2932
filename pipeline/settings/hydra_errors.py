"""Say in our words what Hydra finds wrong with conf/ or with overrides."""

from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.settings.validation import guess, unknown

REPORTED = (HydraException, OmegaConfBaseException)
WHILE_COMPOSING = (*REPORTED, AssertionError, RecursionError, TypeError, ValueError)  # as for an odd defaults list

PLUGINS = {  # the packages that bring choices of hydra/launcher and hydra/sweeper
    "hydra/launcher joblib": "hydra-joblib-launcher",
    "hydra/launcher ray": "hydra-ray-launcher",
    "hydra/launcher ray_aws": "hydra-ray-launcher",
    "hydra/launcher rq": "hydra-rq-launcher",
    "hydra/launcher submitit_local": "hydra-submitit-launcher",
    "hydra/launcher submitit_slurm": "hydra-submitit-launcher",
    "hydra/sweeper ax": "hydra-ax-sweeper",
    "hydra/sweeper nevergrad": "hydra-nevergrad-sweeper",
    "hydra/sweeper optuna": "hydra-optuna-sweeper",
}


@contextmanager
def in_our_words(*errors: type[Exception]) -> Iterator[None]:
    """Turn errors with which Hydra reports mistakes in conf/ or in overrides into UserError."""
    try:
        yield
    except errors as error:
        raise UserError(without_credentials(explanation(error))) from None


def explanation(error: Exception) -> str:
    """What is wrong with conf/ or the overrides, as a sentence."""
    reason = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        of_hydra = error.missing_cfg_file.startswith("hydra/")  # its folders have folders
        cut = str.rpartition if of_hydra else str.partition
        group, _, name = cut(error.missing_cfg_file, "/")
        if package := PLUGINS.get(f"{group} {name}"):
            return f"{group}={name} needs a package: `pip install {package}`"
        note = " (others need a package: see docs/experiments.md)" if of_hydra else ""
        return f"there is no {group} {name}{guess(name, error.options)}: choose from {', '.join(error.options)}{note}"
    if isinstance(reason, ConfigAttributeError | ConfigKeyError) and reason.full_key:
        return no_setting(reason.full_key)
    lines = (str(reason) or type(reason).__name__).splitlines()
    if isinstance(reason, OmegaConfBaseException):  # its other lines are about OmegaConf
        lines = [*lines[:1], f"(in {reason.full_key})" if reason.full_key else ""]
    elif isinstance(reason, MissingConfigException):  # its other lines list where Hydra looked
        lines = lines[:1]
    return f"conf/ can't be composed: {' '.join(lines).strip()}"


def no_setting(name: str) -> str:
    """The sentence for a name that conf/ doesn't have."""
    part, _, inner = name.partition(".")
    if part == "hydra":
        return f"there is no setting {name}: `python -m pipeline.sweep --cfg hydra` lists Hydra's settings"
    if part == "dataset" and inner:
        return f"there is no setting {name} in the chosen dataset: see conf/dataset for what each has"
    return unknown(name)
