"""Every mistake in the settings gets a sentence that says what is wrong and what is allowed, wherever it was made."""

import copy
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from answers import answers
from conftest import CHECKOUT, Project
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pipeline.console.errors import UserError
from pipeline.settings.composition import composed, configuration
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate
from pipeline.settings.yaml_file import FlawError, values_in, values_of

NOBODY = 65534  # a user id without rights
VALID: dict[str, Any] = yaml.safe_load(composed())

WRONG = [
    ({"alpha": 0}, ["alpha can't be 0", "a number greater than 0"]),
    ({"alpha": "fast"}, ['alpha can\'t be "fast"', "a number greater than 0"]),
    ({"alpha": True}, ["alpha can't be true", "a number greater than 0"]),
    ({"alpha": float("inf")}, ["alpha", "a number greater than 0"]),
    ({"alpha": float("nan")}, ["alpha", "a number greater than 0"]),
    ({"alpha": 10**400}, ["alpha can't be 1000000", "...", "a number greater than 0"]),
    ({"iterations": 0}, ["iterations can't be 0", "a whole number from 1 to 1,000,000,000"]),
    ({"iterations": 10**20}, ["iterations can't be 100000000000000000000", "to 1,000,000,000"]),
    ({"iterations": 2.5}, ["iterations can't be 2.5", "a whole number from 1"]),
    ({"init": "glorot"}, ['init can\'t be "glorot"', "uniform, he, xavier, normal, zeros"]),
    ({"init_scale": -1}, ["init_scale can't be -1", "greater than 0"]),
    ({"hidden": []}, ["hidden can't be []", "at least one layer"]),
    ({"hidden": [0]}, ["hidden can't be 0", "from 1 to"]),
    ({"hidden": [10**20]}, ["hidden can't be 100000000000000000000", "from 1 to 1,000,000"]),
    ({"hidden": 20}, ["hidden can't be 20", "[20]"]),
    ({"reduction": "max"}, ['reduction can\'t be "max"', "mean, sum"]),
    ({"batch_size": 0}, ["batch_size can't be 0", "null", "1 or more"]),
    ({"precision": "double"}, ['precision can\'t be "double"', "portable, float32"]),
    ({"dtype": "float64"}, ["dtype is now called precision", "precision=portable", "precision=float32"]),
    ({"seed": -1}, ["seed can't be -1", "0 or more"]),
    ({"seed": date(2026, 1, 2)}, ['seed can\'t be "2026-01-02"', "0 or more"]),
    ({"hidden": {1, 2}}, ['hidden can\'t be "{1, 2}"', "[20]"]),
    ({"init": b"he"}, ["init can't be \"b'he'\"", "uniform"]),
    ({"init": {"he": {date(2026, 1, 2): 1}}}, ["init can't be this dict", "uniform"]),
    ({"fault": ["none"] * 1000}, ['fault can\'t be ["none", "none"', "..."]),
    ({"experiment": {"alpha": 0.1}}, ["experiment is not a setting", "# @package _global_"]),
    ({1: 2}, ["there is no setting 1", "iterations"]),
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


def test_a_number_too_long_to_print_is_reported() -> None:
    with pytest.raises(UserError, match="seed can't be this int: it must be a whole number, 0 or more"):
        validate(VALID | {"seed": -(10**5000)})


def test_all_invalid_settings_are_reported_at_once() -> None:
    with pytest.raises(UserError) as raised:
        validate(VALID | {"alpha": -1, "iterations": 0})
    assert len(str(raised.value).splitlines()) == 2


def test_a_missing_setting_is_reported() -> None:
    with pytest.raises(UserError, match="alpha is not set: it must be a number greater than 0"):
        validate({name: value for name, value in VALID.items() if name != "alpha"})


ALIASES = "".join(f"{name}: &{name} [{', '.join(9 * [f'*{before}'])}]\n" for before, name in pairwise("abcdefgh"))
BROKEN = {
    "": "holds no settings",
    "# only a comment": "holds no settings",
    "[1, 2]": "holds no settings",
    "<<<<<<< HEAD\nalpha: 1\n=======": "is not valid YAML in line 2",
    "alpha: 1\n\tinit: he": "is not valid YAML in line 2 (found character '\\t'",
    "alpha: 1\0": "is not valid YAML (it holds control characters)",
    "alpha: 0.1\ninit: he\nalpha: 0.3": "sets alpha again in line 3",
    "alpha: 1\n2026-01-02: 1": "has a key in line 2 that is not a name",
    "1.5: 1": "has a key in line 1 that is not a name",
    "null: 1": "has a key in line 1 that is not a name",
    "? [a]\n: 1": "has a key in line 1 that is not a name",
    "alpha: 1\nseed: 2026-02-30": "has a value in line 2 that can't be read",
    f"seed: {'9' * 5000}": "has a value in line 1 that can't be read",
    "a: &a [*a]": "holds more than 10,000 values",
    f"a: &a [1]\n{ALIASES}": "holds more than 10,000 values",
    f"a: {'[' * 3000}": "is nested too deeply",
    "alpha: !!python/object:os.system 1": "is not valid YAML in line 1",
}


@pytest.mark.parametrize(("text", "flaw"), BROKEN.items(), ids=[*map(str, range(len(BROKEN)))])
def test_a_file_that_holds_no_settings_is_reported(tmp_path: Path, text: str, flaw: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as raised:
        values_of(file, "delete it")
    assert str(raised.value).startswith(f"{file} {flaw}")
    assert str(raised.value).endswith(": delete it")
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("defaults", "words"),
    [
        ("3", "must be a list"),
        ("[3]", "Unsupported type"),
        ("[config]", "recursion"),
        ("[dataset: nope]", "there is no dataset nope: choose from digits"),
    ],
)
def test_an_odd_defaults_list_is_reported(tmp_path: Path, defaults: str, words: str) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset/digits.yaml").write_text("kind: digits")
    (tmp_path / "config.yaml").write_text(f"defaults: {defaults}")
    with pytest.raises(UserError, match=words):
        configuration(conf=tmp_path)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_reported(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "config.yaml").write_text("alpha: 1 # ä", encoding=encoding)
    with pytest.raises(UserError, match=r"config\.yaml is not in UTF-8: correct it, or restore it with `git checkout"):
        configuration(conf=tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_not_a_file_is_reported(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "params.yaml")
    with pytest.raises(UserError, match=r"params\.yaml (is not a file|can't be read \(No such file.*\)): delete it"):
        values_of(tmp_path / "params.yaml", "delete it")


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """Be somebody else meanwhile: root may read everything."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)


def test_a_file_that_may_not_be_read_is_reported() -> None:
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        file = Path(directory, "params.yaml")
        file.touch(mode=0)
        with (
            without_roots_rights(),
            pytest.raises(UserError, match=r"params\.yaml can't be read \(Permission denied\): delete it"),
        ):
            values_of(file, "delete it")


def test_hidden_files_of_editors_are_ignored(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "conf", tmp_path / "conf")
    (tmp_path / "conf/.#config.yaml").symlink_to("nowhere")
    assert composed(tmp_path / "conf") == composed()


def test_stages_report_a_broken_params_yaml(project: Project) -> None:
    before = project.read("params.yaml")
    project.write("params.yaml", "[1, 2]")
    printed = project.fails("python", "-m", "pipeline.download")
    assert printed == (
        "error: params.yaml holds no settings: delete it and run `dvc repro` to compose it again from conf/\n"
    )
    (project.root / "params.yaml").unlink()
    os.mkfifo(project.root / "params.yaml")
    for environment in ({}, {"DVC_EXP_NAME": "trial"}):
        assert project.fails("python", "-m", "pipeline.config", **environment).startswith(
            "error: params.yaml is not a file: delete it"
        )
    (project.root / "params.yaml").unlink()
    project.write("params.yaml", before)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5) | st.dates(), inner, max_size=2),
    max_leaves=3,
)
NAMES = st.sampled_from([*VALID, "kind", "name", "path", "mirrors", "sha256"])
TEXT = st.lists(st.sampled_from([*VALID, *": \n-[]{},&*!|>?'\"#%@`<0\t\0", "!!set", "&a ", "*a", "<<: ", "0x", "é"]))


@settings(deadline=None)  # a busy machine is not a fault
@given(st.dictionaries(NAMES | st.integers(), ANYTHING | st.dictionaries(NAMES, ANYTHING, max_size=3), max_size=3))
def test_any_values_are_settings_or_a_users_mistake(values: dict[str, Any]) -> None:
    with suppress(UserError):
        assert isinstance(validate(VALID | values), Settings)


@settings(deadline=None)
@given(TEXT.map("".join))
def test_any_text_is_settings_or_a_users_mistake(text: str) -> None:
    with suppress(FlawError, UserError):
        assert isinstance(validate(values_in(text)), Settings)


@pytest.mark.parametrize("setting", ["source", "mirrors"])
def test_a_password_in_an_address_is_refused_and_not_repeated(setting: str) -> None:
    mnist = yaml.safe_load((CHECKOUT / "conf/dataset/mnist.yaml").read_text())
    address = "https://somebody:s3cret@host/mnist"
    mnist[setting] = address if setting == "source" else [address]
    with pytest.raises(UserError, match=rf"dataset\.{setting} can't be .*~/\.netrc") as raised:
        validate(VALID | {"dataset": mnist})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "override",
    [
        "dataset.source=https://somebody:s3cret@host,https://host",
        "dataset.source=[https://somebody:s3cret@host",
        "dataset=https://somebody:s3cret@host",
        "+dataset=https://somebody:s3cret@host",
        "+experiment=https://somebody:s3cret@host",
    ],
)
def test_a_password_in_a_mistaken_override_is_not_repeated(override: str) -> None:
    with pytest.raises(UserError) as raised:
        configuration([override])
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
    chosen = validate(OmegaConf.to_container(config, resolve=True))
    assert chosen.dataset.name == choice.removeprefix("dataset=")


@pytest.mark.parametrize(
    ("choice", "package"),
    [("hydra/launcher=rq", "hydra-rq-launcher"), ("hydra/sweeper=nevergrad", "hydra-nevergrad-sweeper")],
)
def test_a_plugin_that_is_not_installed_is_named(choice: str, package: str) -> None:
    with pytest.raises(UserError) as refused:
        configuration([choice])
    assert str(refused.value) == f"{choice} needs a package: `pip install {package}`"


DVC = ("dvc", "exp", "run", "-S", "alpha=-1", "-S", "init=glorot", "-S", "+alhpa=0.1")
HYDRA = ("python", "-m", "pipeline.sweep", "alpha=-1", "init=glorot", "+alhpa=0.1")


@pytest.mark.parametrize("command", [DVC, HYDRA], ids=["dvc exp run", "Hydra"])
def test_dvc_and_hydra_report_the_same_command_line_mistakes(project: Project, command: tuple[str, ...]) -> None:
    printed = project.fails(*command)
    assert "alpha can't be -1: it must be a number greater than 0" in printed
    assert 'init can\'t be "glorot": it must be one of uniform, he, xavier, normal, zeros' in printed
    assert "did you mean alpha?" in printed
    assert not (project.root / "mlflow.db").exists()


CHECKED = {  # after `python -m pipeline.config`: the exit code, and how the answer begins
    "alpha=0.1 +experiment=collapse": (0, "valid: `dvc exp run -S alpha=0.1 -S +experiment=collapse` trains with it\n"),
    "'hidden=[20,10]'": (0, "valid: `dvc exp run -S 'hidden=[20,10]'` trains with it\n"),
    "aplha=1": (1, "error: there is no setting aplha (did you mean alpha?): choose from dataset, normalise, alpha"),
    "learning_rate=1": (1, "error: learning_rate is called alpha here: write alpha=0.1\n"),
    "dataset=MNIST": (1, "error: there is no dataset MNIST (did you mean mnist?): choose from csv, digits"),
    "experiment=collapse": (1, "error: an experiment is added to conf/config.yaml: write +experiment=collapse\n"),
    "alpha=fast": (1, 'error: alpha can\'t be "fast": it must be a number greater than 0\n'),
    "alpha=0.1,0.3": (1, "error: alpha=0.1,0.3 has several values: `python -m pipeline.sweep alpha=0.1,0.3` trains"),
}


def test_overrides_are_checked_without_writing_anything(project: Project) -> None:
    before = project.git_status(), project.read("params.yaml")
    answered = answers(project, *(f"config {words}" for words in CHECKED))
    assert (project.git_status(), project.read("params.yaml")) == before
    for words, (code, beginning) in CHECKED.items():
        assert answered[f"config {words}"][0] == code
        assert answered[f"config {words}"][1].startswith(beginning)
        assert answered[f"config {words}"][1].count("\n") == 1


def test_a_batch_larger_than_the_data_is_refused_before_a_run_is_opened(reproduced: Project) -> None:
    before = len(reproduced.tracked_runs())
    reproduced.edit("params.yaml", "batch_size: null", "batch_size: 1445")
    printed = reproduced.fails("python", "-m", "pipeline.train")
    assert "batch_size can't be 1445" in printed
    assert "1 to 1444" in printed
    assert len(reproduced.tracked_runs()) == before
