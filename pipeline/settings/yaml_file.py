"""Read a YAML file of settings, or say what is wrong with it."""

from pathlib import Path
from typing import Any

import yaml

from pipeline.console.errors import UserError
from pipeline.files.paths import shown

MOST = 10_000  # values in a file; an alias counts as all that it stands for
NAMES = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


class FlawError(Exception):
    """What is wrong with a file: the rest of a sentence that begins with the file's name."""


def values_of(file: Path, remedy: str) -> dict[str, Any]:
    """The values in a file. Raises UserError that says what is wrong, in which line if known, and the remedy."""
    text = text_of(file, remedy)
    try:
        return values_in(text)
    except FlawError as flaw:
        raise UserError(f"{shown(file)} {flaw}: {remedy}") from None


def text_of(file: Path, remedy: str) -> str:
    """The text of a file. Raises UserError with the remedy if there is none."""
    refuse_non_files(file, remedy)
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{shown(file)} is not in UTF-8: {remedy}") from None
    except OSError as error:
        raise UserError(f"{shown(file)} can't be read ({error.strerror}): {remedy}") from None


def refuse_non_files(path: Path, remedy: str) -> None:
    """Raise UserError for a directory, or for a pipe, which would be waited for."""
    if path.exists() and not path.is_file():
        raise UserError(f"{shown(path)} is not a file: {remedy}")


def values_in(text: str) -> dict[str, Any]:
    """The values in a YAML text. Raises FlawError if they are not settings with names."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise FlawError("holds no settings")
        check(root, loader)
        values: dict[str, Any] = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise FlawError(f"is not valid YAML in line {line_of(error.problem_mark)} ({error.problem})") from None
    except yaml.YAMLError:
        raise FlawError("is not valid YAML (it holds control characters)") from None
    except RecursionError:
        raise FlawError("is nested too deeply") from None
    return values


def check(root: yaml.Node, loader: yaml.SafeLoader) -> None:
    """Raise FlawError for a key that is no name or occurs twice, an unreadable value, or too many values."""
    waiting, count = [root], 0
    while waiting:
        node = waiting.pop()
        count += 1
        if count > MOST:  # also if an alias contains itself
            raise FlawError(f"holds more than {MOST:,} values, counting each alias as what it stands for")
        if isinstance(node, yaml.MappingNode):
            check_keys(node)
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        else:
            check_value(node, loader)


def check_keys(node: yaml.MappingNode) -> None:
    """Raise FlawError for a key that is no name or occurs twice."""
    seen = set()
    for key, _ in node.value:
        line = line_of(key.start_mark)
        if key.tag not in NAMES:
            raise FlawError(f"has a key in line {line} that is not a name")
        if key.value in seen:
            raise FlawError(f"sets {key.value} again in line {line}")
        seen.add(key.value)


def check_value(node: yaml.Node, loader: yaml.SafeLoader) -> None:
    """Raise FlawError for a value that can't be read, such as the date 2026-02-30."""
    try:
        loader.construct_object(node)
    except yaml.YAMLError:
        raise
    except Exception:  # PyYAML lets through whatever Python raises for such a text
        raise FlawError(f"has a value in line {line_of(node.start_mark)} that can't be read") from None


def line_of(mark: yaml.Mark | None) -> int:
    """The line of a place in a file, counted from 1."""
    return mark.line + 1 if mark else 1
