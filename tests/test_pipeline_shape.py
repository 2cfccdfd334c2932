"""What dvc.yaml declares is what the code reads: every module that a stage imports, and every setting."""

import ast
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT

from pipeline.config import composed
from pipeline.settings import validate

STAGES = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]
READS = {  # what each stage reads besides modules
    "config": {"conf"},
    "download": set(),
    "normalise": {"data"},
    "train": {"normalised"},
    "evaluate": {"model", "normalised", "pipeline/tracking/served_network.py"},
}


def imported_by(file: Path) -> set[str]:
    """The project's modules that a file names in its imports, wherever in the file they stand."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "pipeline"}


def files_of(module: str) -> set[Path]:
    """The files that Python runs to import a module: its packages' and its own."""
    parts = module.split(".")
    places = [CHECKOUT.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    candidates = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return {file for file in candidates if file.is_file()}


def modules_behind(stage: str) -> set[str]:
    """All files of the project that a stage runs, by following its imports."""
    found: set[Path] = set()
    waiting = files_of(f"pipeline.{stage}")
    while waiting:
        file = waiting.pop()
        found.add(file)
        waiting |= {other for module in imported_by(file) for other in files_of(module)} - found
    return {str(file.relative_to(CHECKOUT)) for file in found}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_every_module_that_it_imports_and_no_other(stage: str) -> None:
    assert set(STAGES[stage]["deps"]) == modules_behind(stage) | READS[stage]


def test_training_declares_every_setting_that_decides_the_model() -> None:
    settings = validate(yaml.safe_load(composed()))
    declared = {"dataset" if name == "dataset.name" else name for name in STAGES["train"]["params"]}
    assert declared == set(settings.of_the_model())


def test_stages_run_as_modules_of_the_checkout_that_they_are_in() -> None:
    assert {stage: STAGES[stage]["cmd"] for stage in STAGES} == {
        stage: f"python -m pipeline.{stage}" for stage in STAGES
    }


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_no_addresses(lock: str) -> None:
    lines = (CHECKOUT / lock).read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    pinned = [number for number, line in enumerate(lines) if "==" in line and not line.lstrip().startswith("#")]
    assert pinned
    assert all("--hash=sha256:" in lines[number + 1] for number in pinned)
