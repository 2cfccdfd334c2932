"""The mathematics depends on NumPy, and on nothing else in the pipeline."""

import ast
from pathlib import Path

import pytest

import pipeline.core

PLAIN_PYTHON = (
    "collections",
    "concurrent.futures",
    "contextlib",
    "copy",
    "dataclasses",
    "functools",
    "io",
    "itertools",
    "math",
    "random",
    "textwrap",
    "threading",
    "time",
    "types",
    "typing",
)
ALLOWED = (*PLAIN_PYTHON, "numpy", "pipeline.core")
FOLDER = Path(pipeline.core.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))


def imported_modules(path):
    """The modules that a file imports, anywhere in it; relative imports start with dots."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def is_allowed(module):
    return any(module == allowed or module.startswith(f"{allowed}.") for allowed in ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_core_imports_only_numpy_and_itself(path):
    assert [module for module in imported_modules(path) if not is_allowed(module)] == []


def test_the_files_of_core_are_found():
    assert {"network.py", "training.py", "normalisation.py"} <= {path.name for path in FILES}
