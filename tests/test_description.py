"""What a run's page says: its name, its description and its origin."""

import pytest
from conftest import Project
from plain import PLAIN

from pipeline.core.diagnosis.diagnosis import Diagnosis
from pipeline.settings.composition import configuration, settings_in
from pipeline.settings.naming import USUAL, heading_of, name_of
from pipeline.tracking import sweeps, trainings
from pipeline.tracking.view import NOTE


def test_a_name_leaves_out_what_conf_sets_anyway():
    config = settings_in(configuration()).of_the_model()
    assert {name: config[name] for name in USUAL} == USUAL
    assert set(config) - set(USUAL) == {"alpha", "init", "iterations"}
    assert name_of(config) == "he α=0.3 · 500"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"seed": 2, "hidden": [50, 20]}, "he α=0.5 · 100 · hidden 50,20 · seed 2"),
        ({"batch_size": 32}, "he α=0.5 · 100 · batch_size 32"),
        ({"fault": "gradient_sign", "init_scale": 0.5}, "he α=0.5 · 100 · init_scale 0.5 · fault gradient_sign"),
    ],
)
def test_a_name_says_what_is_not_as_usual(changes, name):
    assert name_of(PLAIN.model_copy(update=changes).of_the_model()) == name


def test_a_heading_always_names_the_dataset():
    config = PLAIN.of_the_model()
    assert heading_of(config) == "digits · he α=0.5 · 100 iterations"
    assert heading_of({**config, "dataset": "mnist", "seed": 1}) == "mnist · he α=0.5 · 100 iterations · seed 1"


def test_a_description_says_that_minibatches_measure_one_batch():
    diagnosis = Diagnosis("converged", "none", None, "It learned.", "Nothing.", {})
    of_a_batch = "`accuracy` and `loss` are those of one batch of 32 images"
    assert of_a_batch in trainings.description(diagnosis, 32, "a1")
    assert "batch" not in trainings.description(diagnosis, None, "a1")


def test_a_sweeps_description_links_to_its_best_points_only():
    best = [(f"point {number}", f"#/{number}") for number in range(sweeps.LINKED + 1)]
    note = sweeps.description("the table\n", best)
    assert "- [point 0](#/0)" in note
    assert note.count("](#/") == sweeps.LINKED
    assert "the table" in note


def test_a_page_speaks_for_itself(reproduced: Project) -> None:
    [run] = reproduced.tracked_runs()
    tags = run.data.tags
    assert tags[NOTE].startswith("# Converged\n")
    assert f"`python -m pipeline.track reproduce {run.info.run_id}`" in tags[NOTE]
    assert tags["mlflow.source.name"] == "pipeline/train.py"
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["mlflow.source.git.commit"] == tags["git_commit"]
    assert tags["mlflow.user"]
