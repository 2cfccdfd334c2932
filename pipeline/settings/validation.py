"""Check settings against the schema, with one sentence per mistake."""

import difflib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.settings.schema import DATASETS, HOW_TO_FETCH, Schema, Settings

HINTS = {
    **{name: f"{name} is called alpha here: write alpha=0.1" for name in ("learning_rate", "lr")},
    "dtype": "dtype is now called precision: write precision=portable, or precision=float32 for speed",
    "experiment": "experiment is not a setting: the file in conf/experiment must begin with `# @package _global_`",
}
LONGEST = 80  # characters of a value in a sentence


def validate(values: Any) -> Settings:
    """The settings. Raises UserError with one line per mistake."""
    try:
        return Settings.model_validate(values)
    except ValidationError as problems:
        sentences = (sentence(problem["type"], problem["loc"], problem["input"]) for problem in problems.errors())
        raise UserError("\n       ".join(dict.fromkeys(sentences))) from None


def of_a_model(config: dict[str, Any], of_the_data: dict[str, Any]) -> Settings:
    """The settings that a model was trained with. A model does not record how its data was fetched.

    Raises UserError if this version of the code has different settings.
    """
    dataset = of_the_data["dataset"]
    fields = DATASETS.get(str(dataset.get("kind")), Schema).model_fields
    unknown = {name: value for name, value in HOW_TO_FETCH.items() if name in fields}
    return validate({**config, "dataset": {**dataset, **unknown}})


def sentence(problem: str, location: tuple[int | str, ...], value: Any) -> str:
    """What is wrong with a setting, and what it may be."""
    name, schema, allowed = find(location)
    if problem in ("extra_forbidden", "invalid_key"):
        return unknown(name or str(location[0]), schema.model_fields)
    if problem == "missing":
        return f"{name} is not set: it must be {allowed}"
    return f"{name} can't be {written(value)}: it must be {allowed}"


def unknown(name: str, known: Iterable[str] = Settings.model_fields) -> str:
    """The sentence for a name that is not among those of the known settings."""
    if name in HINTS:
        return HINTS[name]
    return f"there is no setting {name}{guess(name.split('.')[-1], known)}: choose from {', '.join(known)}"


def guess(name: str, known: Iterable[str]) -> str:
    """The known name that may have been meant, as a remark, or nothing."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def written(value: Any) -> str:
    """A value as JSON, without credentials, and not too long."""
    try:
        return shortened(without_credentials(json.dumps(value, default=str)))
    except (TypeError, ValueError, RecursionError):  # a key that is no name, or a number of thousands of digits
        return f"this {type(value).__name__}"


def shortened(text: str) -> str:
    """The text, or its beginning if it is too long for a sentence."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def find(location: tuple[int | str, ...]) -> tuple[str, type[Schema], str]:
    """The setting at pydantic's location: its full name, its schema, and what it may be."""
    names: list[str] = []
    schema: type[Schema] = Settings
    allowed = ""
    for part in location:
        if names == ["dataset"] and part in DATASETS:  # not a setting, but the kind of dataset that pydantic chose
            schema = DATASETS[str(part)]
        elif isinstance(part, str):  # a number is an index into a list
            names.append(part)
            if field := schema.model_fields.get(part):
                allowed = field.description or allowed
                if isinstance(field.annotation, type) and issubclass(field.annotation, Schema):
                    schema = field.annotation
    return ".".join(names), schema, allowed
