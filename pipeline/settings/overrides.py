"""Read overrides, such as alpha=0.1, with Hydra's parser."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.settings.schema import Settings
from pipeline.settings.validation import shortened

EXPERIMENT = "experiment"  # the folder of conf/ that is in no defaults list
FOLDERS = ("dataset", EXPERIMENT, "hydra")


def parsed(overrides: Sequence[str]) -> list[Override]:
    """The overrides. Raises UserError for the first that Hydra can't read."""
    return [parsed_one(text) for text in overrides]


def parsed_one(text: str) -> Override:
    """An override. Raises UserError if Hydra can't read it, or can't apply it to what is in conf/."""
    try:
        override = OverridesParser.create().parse_override(text)
    except (HydraException, ValueError):  # ValueError for a number of thousands of digits
        override = None
    if override is None or not override.key_or_group:
        raise UserError(
            f"can't read '{repeated(text)}': write name=value without spaces, e.g. alpha=0.1 or 'hidden=[20,10]'"
        )
    check(override, text)
    return override


def check(override: Override, text: str) -> None:
    """Raise UserError for an override that needs a +, or must not have one, or does not choose a file by its name."""
    name = override.key_or_group
    if name == EXPERIMENT and override.type == OverrideType.CHANGE:
        raise UserError(f"an experiment is added to conf/config.yaml: write +{repeated(text)}")
    if name in Settings.model_fields and override.is_add():
        raise UserError(f"{name} is in conf/config.yaml already: write {repeated(text[1:])}")
    is_choice = name in FOLDERS or "/" in name
    if is_choice and not (override.is_delete() or override.is_sweep_override() or isinstance(override.value(), str)):
        raise UserError(f"{repeated(text)} does not choose a file in conf/: write a name, as in dataset=digits")


def refuse_several_values(overrides: Sequence[Override]) -> None:
    """Raise UserError for an override with several values, which only a sweep can use."""
    for override in overrides:
        if override.is_sweep_override():
            text = repeated(override.input_line or "")
            raise UserError(f"{text} has several values: `python -m pipeline.sweep {text}` trains with each of them")


def repeated(text: str) -> str:
    """What was typed, without credentials, and not too long."""
    return shortened(without_credentials(text))
