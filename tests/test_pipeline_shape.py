"""dvc.yaml declares everything that decides a stage's result: the folders of its code, and every setting."""

import ast
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT

from pipeline.settings.composition import composed
from pipeline.settings.validation import validate
from pipeline.training.key import TRAINING_CODE

STAGES = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]
READS = {  # what each stage reads besides modules
    "config": {"conf"},
    "source": set(),
    "download": {"source"},
    "normalise": {"data"},
    "train": {"normalised"},
    "evaluate": {"model", "normalised"},
}
ONLY_REPORTS = {"pipeline/console", "pipeline/kept", "pipeline/tracking"}


def folder_of(file: str) -> str:
    """How dvc.yaml lists a file of the pipeline: as its folder directly in pipeline/, or as the file itself."""
    return "/".join(file.split("/")[:2])


def imported_by(file: Path) -> set[str]:
    """The project's modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "pipeline"}


def files_of(module: str) -> set[Path]:
    """The files that Python runs to import a module: those of its packages and its own."""
    parts = module.split(".")
    places = [CHECKOUT.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    candidates = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return {file for file in candidates if file.is_file()}


def modules_behind(stage: str) -> set[str]:
    """The project's files that a stage runs, found by following its imports, except from code that only reports."""
    found: set[Path] = set()
    waiting = files_of(f"pipeline.{stage}")
    while waiting:
        file = waiting.pop()
        found.add(file)
        if folder_of(str(file.relative_to(CHECKOUT))) in ONLY_REPORTS:
            continue
        imported = {other for module in imported_by(file) for other in files_of(module)}
        if file.parent.name == "settings":  # these use core only for the names of its choices
            imported = {other for other in imported if not other.is_relative_to(CHECKOUT / "pipeline/core")}
        waiting |= imported - found
    return {str(file.relative_to(CHECKOUT)) for file in found}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_folder_it_imports_except_reporting(stage: str) -> None:
    imported = {folder_of(file) for file in modules_behind(stage)} - {"pipeline/__init__.py"} - ONLY_REPORTS
    assert set(STAGES[stage]["deps"]) == imported | READS[stage]


def test_every_module_directly_in_pipeline_can_be_run() -> None:
    for file in (CHECKOUT / "pipeline").glob("*.py"):
        assert file.name == "__init__.py" or 'if __name__ == "__main__":' in file.read_text(), file


def test_dvc_and_sweeps_agree_on_what_decides_a_training() -> None:
    assert set(STAGES["train"]["deps"]) == {"normalised", "pipeline/train.py", *TRAINING_CODE}


def test_training_declares_every_setting_that_decides_the_model() -> None:
    settings = validate(yaml.safe_load(composed()))
    declared = {"dataset" if name == "dataset.name" else name for name in STAGES["train"]["params"]}
    assert declared == set(settings.of_the_model())


def test_stages_run_as_modules() -> None:
    assert {stage: STAGES[stage]["cmd"] for stage in STAGES} == {
        stage: f"python -m pipeline.{stage}" for stage in STAGES
    }


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_have_hashes_and_no_urls(lock: str) -> None:
    lines = (CHECKOUT / lock).read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    pinned = [number for number, line in enumerate(lines) if "==" in line and not line.lstrip().startswith("#")]
    assert pinned
    assert all("--hash=sha256:" in lines[number + 1] for number in pinned)
