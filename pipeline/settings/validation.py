"""Check settings against the schema, with one sentence per mistake."""

import difflib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.settings.schema import DATASETS, HOW_TO_FETCH, Schema, Settings

RENAMED = {"dtype": "dtype is now called precision: write precision=portable, or precision=float32 for speed"}


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


def refuse_old_names(overrides: Sequence[str]) -> None:
    """Raise UserError for an override that uses a setting's old name."""
    for override in overrides:
        name = override.partition("=")[0].lstrip("+~")
        if name in RENAMED:
            raise UserError(RENAMED[name])


def sentence(problem: str, location: tuple[int | str, ...], value: Any) -> str:
    """What is wrong with a setting, and what it may be."""
    name, schema, allowed = find(location)
    if problem == "extra_forbidden" and name in RENAMED:
        return RENAMED[name]
    if problem == "extra_forbidden":
        near = difflib.get_close_matches(name.split(".")[-1], schema.model_fields, n=1)
        guess = f" (did you mean {near[0]}?)" if near else ""
        return f"there is no setting {name}{guess}: choose from {', '.join(schema.model_fields)}"
    if problem == "missing":
        return f"{name} is not set: it must be {allowed}"
    return f"{name} can't be {without_credentials(json.dumps(value, default=str))}: it must be {allowed}"


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
