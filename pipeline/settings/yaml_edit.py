"""Change values in a YAML text, and leave everything else as it is, to the last comment."""

import json
from collections.abc import Sequence
from typing import Any

import yaml
from omegaconf import OmegaConf


def with_value(text: str, names: Sequence[str], value: Any) -> str:
    """The text with another value under a name, or under a name inside others. Raises KeyError if it is not there."""
    node = yaml.compose(text, yaml.SafeLoader)
    for name in names:
        node = entries(node)[name]
    assert node
    return text[: node.start_mark.index] + as_yaml(value) + text[end_of(node) :]


def entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """What a mapping, or a list of mappings, has under each name."""
    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return {key.value: value for part in parts if isinstance(part, yaml.MappingNode) for key, value in part.value}


def end_of(node: yaml.Node) -> int:
    """Where a value ends. PyYAML counts the comments after a block as the block's."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return end_of(last[1] if isinstance(node, yaml.MappingNode) else last)
    return node.end_mark.index


def as_yaml(value: Any) -> str:
    """A value as it is written after a name: a list in one line, anything else as OmegaConf writes it."""
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return OmegaConf.to_yaml(OmegaConf.create([value])).removeprefix("- ").rstrip("\n")
