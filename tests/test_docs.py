"""Every command in the README, CONTRIBUTING and docs/ is run by a test, or exempted here with a reason."""

import re
import time
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest
from conftest import CHECKOUT, FIRST_REPRO, Project, copied
from servers import running_ui

from tests.settings_page import page as settings_page

PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
FENCED = re.compile(r"^( *)```(.*?)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
WITH_COMMANDS = ("sh", "console")
WITHOUT_COMMANDS = ("diff", "math", "mermaid", "python", "text")

RUN_HERE = [  # in this order, after `dvc repro`; if a page shows a command's output, it is checked
    "python -m pipeline.config alpha=0.1 init=xavier",
    "python -m pipeline.sweep alpha=0.1,0.3,1 init=uniform,he,zeros",
    "python -m pipeline.heal alpha=5 init=zeros normalise=none",
    "python -m pipeline.doctor --causes > docs/causes.md",
    "make help",
]
FAIL_HERE = ["dvc exp run -S init=glorot", "python -m pipeline.config dataset=MNIST"]
RUN_BY = {
    "dvc repro": "test_docs.py::test_the_first_repro_prints_what_the_page_shows",
    "dvc exp apply NAME": "test_experiments.py::test_after_applying_an_experiment_repro_has_nothing_to_do",
    "dvc exp run": "test_conf_and_params.py::test_an_experiment_without_settings_returns_to_conf",
    "dvc exp run --queue -S alpha=0.1,0.3 -S init=he,uniform": (
        "test_experiments.py::test_a_queued_grid_runs_in_parallel"
    ),
    "dvc exp run --temp -S iterations=2000": (
        "test_experiments.py::test_a_temporary_experiment_logs_to_the_projects_store"
    ),
    "dvc exp run -S +experiment=collapse": "test_story.py::test_training_prints_why_it_collapsed",
    "dvc exp run -S +experiment=digits_sum": "test_story.py::test_the_other_two_networks_in_the_readme_train",
    "dvc exp run -S +experiment=repaired": "test_story.py::test_the_other_two_networks_in_the_readme_train",
    "dvc exp run -S alpha=0.1 -S dataset=mnist": ("test_datasets.py::test_mnist_over_http_trains_to_85_percent"),
    "dvc exp run -S alpha=0.3 -S init=xavier": "test_experiments.py::test_an_experiment_trains_with_its_overrides",
    "dvc exp run -S dataset=csv -S dataset.path=train.csv": (
        "test_datasets.py::test_a_csv_in_the_project_also_trains_in_a_temporary_checkout"
    ),
    "dvc exp run -S dataset=mnist": "test_datasets.py::test_mnist_over_http_trains_to_85_percent",
    "dvc exp run -S dataset=mnist normalise": "test_datasets.py::test_mnist_over_http_trains_to_85_percent",
    "python -m pipeline.sweep dataset=mnist alpha=0.1,0.3": (
        "test_datasets.py::test_a_sweep_over_mnist_uses_what_was_prepared"
    ),
    "dvc exp run -S dataset=mnist -S dataset.source=DIRECTORY": (
        "test_datasets.py::test_mnist_from_a_directory_is_the_same_data"
    ),
    "dvc exp show --only-changed --drop '.*loss|train|model'": (
        "test_experiments.py::test_experiments_are_listed_with_their_settings"
    ),
    "dvc metrics diff": "test_experiments.py::test_params_and_metrics_can_be_compared_with_the_commit",
    "dvc params diff": "test_experiments.py::test_params_and_metrics_can_be_compared_with_the_commit",
    "dvc plots show": "test_experiments.py::test_plots_are_drawn",
    "dvc queue start -j 2": "test_experiments.py::test_a_queued_grid_runs_in_parallel",
    "export MLFLOW_TRACKING_URI=http://NAME:5000": (
        "test_team_server.py::test_eight_trainings_at_once_are_eight_complete_runs"
    ),
    "make docs": "test_docs.py::test_the_settings_page_matches_the_schema",
    "make ui": "test_docs.py::test_the_ui_prints_what_the_page_shows",
    "mlflow artifacts download -u models:/numpy-mlp-digits@champion -d champion": (
        "test_serving.py::test_the_champions_example_input_is_answered"
    ),
    'curl -H "Content-Type: application/json" -d @champion/serving_input_example.json localhost:5001/invocations': (
        "test_serving.py::test_the_champions_example_input_is_answered"
    ),
    "mlflow models predict -m models:/numpy-mlp-digits@champion --env-manager local -t csv -i images.csv": (
        "test_serving.py::test_a_csv_of_pixels_is_classified"
    ),
    "mlflow models serve -m models:/numpy-mlp-digits@champion --env-manager local -p 5001": (
        "test_serving.py::test_an_image_is_classified_over_http"
    ),
    "mlflow server --artifacts-destination DIRECTORY --host 0.0.0.0 --allowed-hosts NAME": (
        "test_team_server.py::test_eight_trainings_at_once_are_eight_complete_runs"
    ),
    "mlflow ui": "test_experiments.py::test_plain_mlflow_ui_in_the_project_shows_every_run",
    "pip install --no-deps .": "test_installed.py::test_the_doctor_examines_a_network_in_any_folder",
    "python -m pipeline.config apply": (
        "test_conf_and_params.py::test_applied_settings_are_in_conf_with_its_comments_and_train_nothing"
    ),
    "python -m pipeline.doctor mynetwork.py": "test_doctor.py::test_the_command_examines_a_file",
    "python -m pipeline.sweep +experiment=faults": "test_story.py::test_a_sweep_over_all_faults_names_each_cause",
    "python -m pipeline.sweep +experiment=stability": (
        "test_sweep.py::test_retrain_trains_finished_points_of_a_preset_grid_again"
    ),
    "python -m pipeline.sweep alpha=0.1,0.3,1 init=he,xavier 'seed=range(5)' dry_run=true": (
        "test_dry_run.py::test_a_dry_run_lists_what_is_finished_and_what_would_train"
    ),
    "python -m pipeline.sweep alpha=0.1,0.3,1 init=he,xavier 'seed=range(5)'": (
        "test_sweep.py::test_a_sweep_over_seeds_compares_settings"
    ),
    "python -m pipeline.sweep alpha=0.1,0.3 init=uniform,he": (
        "test_sweep.py::test_each_grid_point_is_a_child_of_the_sweeps_run"
    ),
    "python -m pipeline.sweep hydra.launcher.backend=loky alpha=0.1,0.3": (
        "test_launchers.py::test_local_processes_train_the_same_models"
    ),
    "python -m pipeline.sweep hydra.launcher.backend=ray alpha=0.1,0.3": (
        "test_launchers.py::test_a_ray_cluster_trains_the_same_models"
    ),
    "python -m pipeline.sweep hydra/launcher=joblib alpha=0.1,0.3": (
        "test_launchers.py::test_a_job_that_fails_fails_the_sweep_but_not_the_other_points"
    ),
    "python -m pipeline.sweep hydra/sweeper=optuna 'alpha=interval(0.01,1)'": (
        "test_launchers.py::test_a_search_by_optuna_is_one_sweep_with_one_best_point"
    ),
    "python -m pipeline.track": "test_track.py::test_an_empty_store_gets_everything_dvc_has",
    "python -m pipeline.track champion": "test_serving.py::test_the_best_point_of_the_newest_sweep_becomes_champion",
    "python -m pipeline.track publish REV": "test_track.py::test_what_is_no_revision_is_refused",
    "python -m pipeline.track rebuild": "test_rebuild.py::test_a_lost_store_is_rebuilt_as_it_was",
    "python -m pipeline.track reproduce RUN_ID": (
        "test_track.py::test_reproducing_a_run_on_another_processor_gives_the_same_model"
    ),
    "python -m pipeline.ui": "test_docs.py::test_the_ui_prints_what_the_page_shows",
    "python -m pipeline.ui --port 5001": "test_ui.py::test_a_port_in_use_is_reported",
}
INSTALLS, IS_THIS, MEASURES = "installs packages", "runs these tests", "measures for minutes"
HUNDRED_POINTS = (
    "python -m pipeline.sweep alpha=0.01,0.1,0.3,0.7 init=uniform,he,xavier,normal,zeros iterations=100,200,300,400,500"
)
NOT_RUN = {
    "python3 -m venv .venv && . .venv/bin/activate": INSTALLS,
    "pip install --require-hashes -r requirements-build.lock": INSTALLS,
    "pip install --require-hashes --no-build-isolation -r requirements.lock": INSTALLS,
    "pip install --require-hashes --no-build-isolation -r requirements-dev.lock": INSTALLS,
    "pip install ray": INSTALLS,
    "pip install hydra-joblib-launcher": INSTALLS,
    "pip install hydra-optuna-sweeper": INSTALLS,
    "pip install 'psycopg[binary]'": INSTALLS,
    "pre-commit install": "changes the hooks of this checkout",
    "make repro": "installs packages, then runs `dvc repro`, which is tested",
    "make test": IS_THIS,
    "make test PYTHON=python3.13 VENV=.venv-3.13": IS_THIS,
    "make coverage": IS_THIS,
    "ruff check .": "`make test` runs it",
    "ruff format --check .": "`make test` runs it",
    "mypy": "`make test` runs it",
    "pytest": IS_THIS,
    "MNIST_DIRECTORY=DIRECTORY make test": IS_THIS,
    "tests/with_postgresql make test": "CI runs it",
    "tests/on_arm": "CI runs it",
    "make bench": MEASURES,
    "make faults": "takes half an hour; test_campaign.py runs a part of it",
    "python -m tests.benchmarks": MEASURES,
    "python -m tests.benchmarks.dry_run": MEASURES,
    "python -m tests.benchmarks.heal": MEASURES,
    "python -m tests.benchmarks.serving": MEASURES,
    "python -m tests.mutants": "examines 345 mutants; test_mutants.py tests its parts",
    "python -m tests.portable.trainings": "prints what test_portable.py compares",
    "export MLFLOW_BACKEND_STORE_URI=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE": "needs a database",
    HUNDRED_POINTS: "a smaller sweep is run here",
}


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    kind: str
    text: str


def blocks(*kinds: str) -> list[Block]:
    """The blocks of these kinds, or of all kinds, on all pages."""
    found = [Block(page, kind, dedent(text)) for page in PAGES for _, kind, text in FENCED.findall(page.read_text())]
    return [block for block in found if not kinds or block.kind in kinds]


def commands() -> set[str]:
    """Every command, without its trailing comment."""
    lines = [line for block in blocks("sh") for line in block.text.splitlines()]
    return {re.sub(r"  +#.*", "", line) for line in lines} | set(shown())


def shown() -> dict[str, list[str]]:
    """The commands whose output is on a page, each with the lines of output."""
    sessions = [block.text.splitlines() for block in blocks("console")]
    assert all(first.startswith("$ ") for first, *_ in sessions)
    return {first.removeprefix("$ "): lines for first, *lines in sessions}


def test_every_block_is_of_a_known_kind() -> None:
    assert {block.kind for block in blocks()} <= {*WITH_COMMANDS, *WITHOUT_COMMANDS}
    for page in PAGES:  # an indented block would be missed
        assert not re.search(r"\n\n    \S", FENCED.sub("", page.read_text())), page


def test_every_command_is_run_or_exempted() -> None:
    tables = [RUN_HERE, FAIL_HERE, [*RUN_BY], [*NOT_RUN]]
    assert sorted(commands()) == sorted(command for table in tables for command in table)


@pytest.mark.parametrize("test", sorted(set(RUN_BY.values())))
def test_the_test_that_runs_a_command_exists(test: str) -> None:
    file, name = test.split("::")
    assert f"def {name}(" in (CHECKOUT / "tests" / file).read_text()


def named_tests(page: Path) -> set[tuple[str, str]]:
    """The tests that a page names, as `test_x.py::test_y`; a mere `::test_z` is in the file that was named last."""
    found, file = set(), ""
    for named, name in re.findall(r"`(test_\w+\.py)?(?:::(test_\w+))?`", page.read_text()):
        file = named or file
        if named or name:
            found.add((file, name))
    return found


@pytest.mark.parametrize(
    "page", [CHECKOUT / "CHANGELOG.md", CHECKOUT / "docs/reliability.md"], ids=lambda page: page.name
)
def test_the_tests_that_a_page_names_exist(page: Path) -> None:
    files = {file.name: file.read_text() for file in (CHECKOUT / "tests").rglob("test_*.py")}
    assert named_tests(page)
    missing = [f"{file}::{name}" for file, name in named_tests(page) if f"def {name}" not in files.get(file, "")]
    assert missing == []


def test_the_first_repro_prints_what_the_page_shows(template: Project) -> None:
    printed = (template.root.parent / FIRST_REPRO).read_text().splitlines()
    assert [line for line in shown()["dvc repro"] if line not in printed] == []


@pytest.mark.parametrize("command", RUN_HERE)
def test_a_command_prints_what_the_page_shows(reproduced: Project, command: str) -> None:
    printed = reproduced.ok("bash", "-c", command).splitlines()
    assert [line for line in shown().get(command, []) if line not in printed] == []
    assert reproduced.git_status() == ""


@pytest.mark.parametrize("command", FAIL_HERE)
def test_a_mistake_prints_the_error_on_the_page(reproduced: Project, command: str) -> None:
    assert set(shown()[command]) <= set(reproduced.fails("bash", "-c", command).splitlines())


def test_the_ui_prints_what_the_page_shows(template: Project, tmp_path: Path) -> None:
    project = copied(template, tmp_path / "clone")
    project.ok("python", "-m", "pipeline.sweep", "alpha=0.1,0.3", "init=he,zeros", "iterations=10")
    with running_ui(project) as (_, printed):
        time.sleep(1)  # its server is still starting when Ctrl-C comes
    *titles, _ = shown()["python -m pipeline.ui"]
    assert [title for title in titles if title not in printed.splitlines()] == []


def test_the_doctors_example_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    page = (CHECKOUT / "docs/diagnosis.md").read_text()
    [(code, printed)] = re.findall(r"```python\n(.*?)```\n\nIt prints:\n\n```text\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "diagnosis.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_the_settings_page_matches_the_schema() -> None:
    assert (CHECKOUT / "docs/settings.md").read_text() == settings_page()


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://)([^)#]*)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_diffs_in_contributing_apply(reproduced: Project) -> None:
    for block in blocks("diff"):
        reproduced.write("added.diff", block.text)
        reproduced.ok("git", "apply", "added.diff")
