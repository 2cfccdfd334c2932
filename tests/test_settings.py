"""Every mistake in the settings gets a sentence that says what is wrong and what is allowed, wherever it was made."""

import copy
from typing import Any

import pytest
import yaml
from conftest import CHECKOUT, Project
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.console.errors import UserError
from pipeline.settings.composition import composed
from pipeline.settings.validation import validate

VALID: dict[str, Any] = yaml.safe_load(composed())

WRONG = [
    ({"alpha": 0}, ["alpha can't be 0", "a number greater than 0"]),
    ({"alpha": "fast"}, ['alpha can\'t be "fast"', "a number greater than 0"]),
    ({"alpha": True}, ["alpha can't be true", "a number greater than 0"]),
    ({"alpha": float("inf")}, ["alpha", "a number greater than 0"]),
    ({"alpha": float("nan")}, ["alpha", "a number greater than 0"]),
    ({"iterations": 0}, ["iterations can't be 0", "a whole number, 1 or more"]),
    ({"iterations": 2.5}, ["iterations can't be 2.5", "a whole number, 1 or more"]),
    ({"init": "glorot"}, ['init can\'t be "glorot"', "uniform, he, xavier, normal, zeros"]),
    ({"init_scale": -1}, ["init_scale can't be -1", "greater than 0"]),
    ({"hidden": []}, ["hidden can't be []", "at least one layer"]),
    ({"hidden": [0]}, ["hidden can't be 0", "1 or more"]),
    ({"hidden": 20}, ["hidden can't be 20", "[20]"]),
    ({"reduction": "max"}, ['reduction can\'t be "max"', "mean, sum"]),
    ({"batch_size": 0}, ["batch_size can't be 0", "null", "1 or more"]),
    ({"precision": "double"}, ['precision can\'t be "double"', "portable, float32"]),
    ({"dtype": "float64"}, ["dtype is now called precision", "precision=portable", "precision=float32"]),
    ({"seed": -1}, ["seed can't be -1", "0 or more"]),
    ({"normalise": "zscore"}, ['normalise can\'t be "zscore"', "unit, standard, divide_255, none"]),
    ({"alhpa": 0.1}, ["no setting alhpa", "did you mean alpha?", "iterations"]),
    ({"dataset": {"kind": "digits", "name": "digits", "path": "x"}}, ["no setting dataset.path"]),
    ({"dataset": {"kind": "zip", "name": "mine"}}, ["dataset", "conf/dataset"]),
    ({"dataset": {"kind": "csv", "name": "mine", "path": None, "label": "label", "image_shape": [28, 28]}},
     ["dataset.path can't be null", "path of the CSV"]),
    ({"dataset": {"kind": "csv", "name": "mine", "path": "a.csv", "label": "label", "image_shape": [784]}},
     ["dataset.image_shape", "rows and columns"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[str(change) for change, _ in WRONG])
def test_an_invalid_setting_is_reported_with_what_is_allowed(change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        validate(copy.deepcopy(VALID) | change)
    for word in words:
        assert word in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_all_invalid_settings_are_reported_at_once() -> None:
    with pytest.raises(UserError) as raised:
        validate(VALID | {"alpha": -1, "iterations": 0})
    assert len(str(raised.value).splitlines()) == 2


def test_a_missing_setting_is_reported() -> None:
    with pytest.raises(UserError, match="alpha is not set: it must be a number greater than 0"):
        validate({name: value for name, value in VALID.items() if name != "alpha"})


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\nalpha: 1\n=======", "[1, 2]"])
def test_a_params_yaml_without_settings_is_reported(project: Project, text: str) -> None:
    before = project.read("params.yaml")
    project.write("params.yaml", text)
    printed = project.fails("python", "-m", "pipeline.download")
    project.write("params.yaml", before)
    assert printed.startswith("error: params.yaml holds no settings")


@pytest.mark.parametrize("setting", ["source", "mirrors"])
def test_a_password_in_an_address_is_refused_and_not_repeated(setting: str) -> None:
    mnist = yaml.safe_load((CHECKOUT / "conf/dataset/mnist.yaml").read_text())
    address = "https://somebody:s3cret@host/mnist"
    mnist[setting] = address if setting == "source" else [address]
    with pytest.raises(UserError, match=rf"dataset\.{setting} can't be .*~/\.netrc") as raised:
        validate(VALID | {"dataset": mnist})
    assert "s3cret" not in str(raised.value)


def test_a_password_on_the_command_line_is_stored_nowhere(project: Project) -> None:
    source = "dataset.source=https://somebody:s3cret@host/mnist"
    printed = project.fails("dvc", "exp", "run", "-S", "dataset=mnist", "-S", source)
    assert "https://host/mnist" in project.read("params.yaml")
    assert "s3cret" not in printed + project.read("params.yaml") + project.read("dvc.lock")
    project.ok("git", "checkout", "--quiet", "params.yaml")


def test_an_invalid_checksum_is_reported_by_its_full_name() -> None:
    mnist = yaml.safe_load((CHECKOUT / "conf/dataset/mnist.yaml").read_text())
    mnist["sha256"]["train_images"] = "abc"
    with pytest.raises(UserError, match=r"dataset\.sha256\.train_images can't be .*64 hexadecimal digits"):
        validate(VALID | {"dataset": mnist})


@pytest.mark.parametrize("choice", ["dataset=digits", "dataset=mnist", "dataset=fashion_mnist", "dataset=csv"])
def test_every_dataset_in_conf_composes_to_valid_settings(choice: str) -> None:
    with initialize_config_dir(str(CHECKOUT / "conf"), version_base=None):
        config = compose("config", overrides=[choice])
    settings = validate(OmegaConf.to_container(config, resolve=True))
    assert settings.dataset.name == choice.removeprefix("dataset=")


DVC = ("dvc", "exp", "run", "-S", "alpha=-1", "-S", "init=glorot", "-S", "+alhpa=0.1")
HYDRA = ("python", "-m", "pipeline.sweep", "alpha=-1", "init=glorot", "+alhpa=0.1")


@pytest.mark.parametrize("command", [DVC, HYDRA], ids=["dvc exp run", "Hydra"])
def test_dvc_and_hydra_report_the_same_command_line_mistakes(project: Project, command: tuple[str, ...]) -> None:
    printed = project.fails(*command)
    assert "alpha can't be -1: it must be a number greater than 0" in printed
    assert 'init can\'t be "glorot": it must be one of uniform, he, xavier, normal, zeros' in printed
    assert "did you mean alpha?" in printed
    assert not (project.root / "mlflow.db").exists()


def test_a_batch_larger_than_the_data_is_refused_before_a_run_is_opened(reproduced: Project) -> None:
    before = len(reproduced.tracked_runs())
    reproduced.edit("params.yaml", "batch_size: null", "batch_size: 1445")
    printed = reproduced.fails("python", "-m", "pipeline.train")
    assert "batch_size can't be 1445" in printed
    assert "1 to 1444" in printed
    assert len(reproduced.tracked_runs()) == before
