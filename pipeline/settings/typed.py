"""Settings in command-line syntax."""

import json
from typing import Any


def as_typed(value: Any) -> str:
    """A setting's value as typed on the command line: 0.1, he, [20,10], null."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
