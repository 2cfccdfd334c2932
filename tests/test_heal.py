"""Healing, as a real process: each training is a run tagged with the one it heals, and the last is healthy."""

import re
from itertools import pairwise

import pytest
from answers import answers
from conftest import Project
from mlflow.entities import Run

HEAL = ("python", "-m", "pipeline.heal")
FAILING = ("alpha=5", "init=zeros", "normalise=none", "iterations=100", "hidden=[20,10]")
COMMAND = re.compile(r"`(dvc exp run.*?)`")
MISTAKES = {
    "alhpa=1": "error: there is no setting alhpa (did you mean alpha?): choose from dataset, normalise, alpha",
    "alpha=0.1,0.3": "error: alpha=0.1,0.3 has several values: `python -m pipeline.sweep alpha=0.1,0.3` trains",
    "dataset=all": "error: there is no dataset all: choose from csv, digits, fashion_mnist, mnist",
    "init=glorot": 'error: init can\'t be "glorot": it must be one of uniform, he, xavier, normal, zeros',
    "dtype=float64": "error: dtype is now called precision",
    "batch_size=5000": "error: batch_size can't be 5000: digits has 1444 training images",
    "dataset=mnist": "error: normalised/ holds normalise=standard dataset.kind=digits",
}


def rows(printed: str) -> list[list[str]]:
    """The rows of the printed table, split into columns."""
    lines = printed.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("settings changed"))
    return [re.split(r"\s{2,}", line) for line in lines[start + 1 :] if re.search(r"\d%$", line)]


@pytest.fixture(scope="module")
def healed(reproduced: Project) -> Project:
    """A project in which settings that don't train were healed."""
    reproduced.write("printed.txt", reproduced.ok(*HEAL, *FAILING))
    return reproduced


@pytest.fixture(scope="module")
def runs(healed: Project) -> list[Run]:
    """The runs of the healing, without the project's own."""
    return healed.tracked_runs()[1:]


def test_the_table_shows_changes_causes_and_accuracies(healed: Project) -> None:
    first, *_, last = rows(healed.read("printed.txt"))
    assert first[:2] == ["-", "symmetric_initialisation"]
    assert {"init=he", "normalise=standard"} <= set(last[0].split())
    assert last[1] == "none"
    assert float(first[2].rstrip("%")) < 30 < 90 < float(last[2].rstrip("%"))


def test_each_training_is_a_run_tagged_with_the_one_it_heals(healed: Project, runs: list[Run]) -> None:
    assert len(runs) == len(rows(healed.read("printed.txt"))) > 1
    assert "heals" not in runs[0].data.tags
    for before, run in pairwise(runs):
        assert run.data.tags["heals"] == before.data.tags["model_sha256"]
        for name in ("init", "alpha", "normalise", "hidden", "iterations"):
            assert run.data.params[name] == before.data.tags.get(f"prescription.{name}", before.data.params[name])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert not [tag for tag in runs[-1].data.tags if tag.startswith("prescription")]


def test_healing_leaves_the_pipelines_model_unchanged(healed: Project) -> None:
    assert "up to date" in healed.ok("dvc", "status")


def test_the_printed_command_trains_the_same_model(healed: Project, runs: list[Run]) -> None:
    [command] = COMMAND.findall(healed.read("printed.txt"))
    healed.ok(*command.split(), "--name", "healed", "train")
    [run] = healed.tracked_runs("tags.dvc_exp_name = 'healed'")
    assert run.data.tags["model_sha256"] == runs[-1].data.tags["model_sha256"]


def test_a_healthy_training_is_left_unchanged(healed: Project) -> None:
    printed = healed.ok(*HEAL, "+experiment=repaired", "normalise=standard", "iterations=100")
    [[changed, cause, _]] = rows(printed)
    assert (changed, cause) == ("-", "none")
    # The typed normalisation overrides the experiment's.
    [command] = COMMAND.findall(printed)
    assert command == "dvc exp run -S init=uniform -S iterations=100"


def test_a_fault_in_the_code_is_not_healed(healed: Project) -> None:
    printed = healed.ok(*HEAL, "fault=gradient_sign", "iterations=50")
    assert [row[:2] for row in rows(printed)] == [["-", "gradient_sign"]]
    assert "Not healed:\n  The gradient has the wrong sign" in printed
    assert "-S fault=gradient_sign" in printed


@pytest.fixture(scope="module")
def refused(healed: Project) -> dict[str, tuple[int, str]]:
    """What `heal` answers to each mistake, without a training."""
    before = len(healed.tracked_runs())
    answered = answers(healed, *(f"heal {override}" for override in MISTAKES))
    assert len(healed.tracked_runs()) == before
    return answered


@pytest.mark.parametrize(("override", "said"), MISTAKES.items(), ids=MISTAKES)
def test_an_invalid_override_gets_one_sentence(refused: dict[str, tuple[int, str]], override: str, said: str) -> None:
    code, printed = refused[f"heal {override}"]
    assert code == 1
    assert printed.startswith(said)
    assert printed.count("\n") == 1


def test_missing_data_is_reported_with_the_command_that_makes_it(project: Project) -> None:
    assert "run `dvc exp run -S dataset=digits -S normalise=unit normalise` to fill it" in project.fails(
        *HEAL, "normalise=unit"
    )
    assert not (project.root / "mlflow.db").exists()
