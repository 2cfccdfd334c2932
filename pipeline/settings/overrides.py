"""Read overrides, such as alpha=0.1, with Hydra's parser."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

from pipeline.console.errors import UserError
from pipeline.settings.validation import shortened

EXPERIMENT = "experiment"  # the folder of conf/ that is in no defaults list
FOLDERS = ("dataset", EXPERIMENT, "hydra")


def parsed(overrides: Sequence[str]) -> list[Override]:
    """The overrides. Raises UserError for the first that Hydra can't read."""
    return [parsed_one(text) for text in overrides]


def parsed_one(text: str) -> Override:
    """An override. Raises UserError if Hydra can't read it."""
    try:
        override = OverridesParser.create().parse_override(text)
    except (HydraException, ValueError):  # ValueError for a number of thousands of digits
        override = None
    if override is None or not override.key_or_group:
        raise UserError(
            f"can't read {shortened(text)!r}: write name=value without spaces, e.g. alpha=0.1 or 'hidden=[20,10]'"
        )
    if override.key_or_group == EXPERIMENT and override.type == OverrideType.CHANGE:
        raise UserError(f"an experiment is added to conf/config.yaml: write +{text}")
    is_choice = override.key_or_group in FOLDERS or "/" in override.key_or_group
    if is_choice and not (override.is_delete() or override.is_sweep_override() or isinstance(override.value(), str)):
        raise UserError(f"{text} does not choose a file in conf/: write a name, as in dataset=digits")
    return override


def refuse_several_values(overrides: Sequence[Override]) -> None:
    """Raise UserError for an override with several values, which only a sweep can use."""
    for override in overrides:
        if override.is_sweep_override():
            text = override.input_line
            raise UserError(f"{text} has several values: `python -m pipeline.sweep {text}` trains with each of them")
