"""A change reruns exactly the stages it affects, and undoing it restores everything without rerunning them."""

import pytest
from conftest import Project

CONFIG = "conf/config.yaml"


@pytest.fixture
def undone(reproduced: Project):
    """Undo the change: DVC restores its results, reruns at most `config` and `source`, and leaves no change in Git."""
    yield
    reproduced.ok("git", "checkout", "--quiet", "conf")
    assert set(reproduced.stages_run(reproduced.ok("dvc", "repro"))) <= {"config", "source"}
    assert reproduced.git_status() == ""


@pytest.fixture(autouse=True)
def reverted(reproduced: Project):
    """Revert the files to the commit."""
    yield
    reproduced.ok("git", "checkout", "--quiet", ".")


def test_editing_a_comment_reruns_only_config(reproduced: Project) -> None:
    reproduced.edit(CONFIG, "seed: 0 #", "seed: 0 # A remark:")
    assert reproduced.stages_run(reproduced.ok("dvc", "repro")) == ["config"]


@pytest.mark.usefixtures("undone")
def test_changing_alpha_reruns_training_and_evaluation(reproduced: Project) -> None:
    reproduced.edit(CONFIG, "alpha: 0.3", "alpha: 0.4")
    assert reproduced.stages_run(reproduced.ok("dvc", "repro")) == ["config", "train", "evaluate"]
    first, second = reproduced.tracked_runs()
    assert (first.data.params["alpha"], second.data.params["alpha"]) == ("0.3", "0.4")
    assert (first.data.tags["git_dirty"], second.data.tags["git_dirty"]) == ("false", "true")


@pytest.mark.usefixtures("undone")
def test_changing_the_normalisation_reruns_the_stages_after_it(reproduced: Project) -> None:
    reproduced.edit(CONFIG, "normalise: standard", "normalise: unit")
    printed = reproduced.ok("dvc", "repro", "normalise")  # the next test shows that training follows
    assert reproduced.stages_run(printed) == ["config", "normalise"]


@pytest.mark.usefixtures("undone")
def test_changing_the_dataset_reruns_everything(reproduced: Project) -> None:
    header = ",".join(["label", *(f"pixel{i}" for i in range(4))])
    rows = [",".join(map(str, [label, 255 * label, 0, 255 * label, copy])) for label in (0, 1) for copy in range(20)]
    reproduced.write("mine.csv", "\n".join([header, *rows]))
    reproduced.edit(CONFIG, "dataset: digits", "dataset: csv")
    reproduced.edit("conf/dataset/csv.yaml", "path: train.csv", "path: mine.csv")
    reproduced.edit("conf/dataset/csv.yaml", "image_shape: [28, 28]", "image_shape: [2, 2]")
    printed = reproduced.ok("dvc", "repro", "train")  # a test above shows that evaluation follows
    assert reproduced.stages_run(printed) == ["config", "source", "download", "normalise", "train"]
    assert "Importing 'raw' -> 'data'" in printed
    (reproduced.root / "mine.csv").unlink()


def test_conf_overwrites_a_hand_edited_params_yaml(reproduced: Project) -> None:
    reproduced.edit("params.yaml", "alpha: 0.3", "alpha: 0.1")
    assert reproduced.stages_run(reproduced.ok("dvc", "repro")) == ["config"]
    assert "alpha: 0.3" in reproduced.read("params.yaml")


def test_an_invalid_setting_stops_the_pipeline_and_loses_nothing(reproduced: Project) -> None:
    reproduced.edit(CONFIG, "alpha: 0.3", "alpha: -1")
    printed = reproduced.fails("dvc", "repro")
    assert "alpha can't be -1: it must be a number greater than 0" in printed
    assert reproduced.stages_run(printed) == ["config"]
    assert "alpha: 0.3" in reproduced.read("params.yaml")
    assert (reproduced.root / "model/weights.npz").exists()


def test_unreadable_yaml_is_reported(reproduced: Project) -> None:
    reproduced.edit(CONFIG, "hidden: [20]", "hidden: [20")
    printed = reproduced.fails("dvc", "repro")
    assert "conf/config.yaml is not valid YAML in line" in printed
    assert "config.yaml" in printed
