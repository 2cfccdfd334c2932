"""Where conf/ and params.yaml differ is said in a line, and `config apply` brings them together."""

import pytest
from conftest import CHECKOUT, Project
from omegaconf import OmegaConf

from pipeline.settings.composition import composed, configuration
from pipeline.settings.yaml_edit import with_value

CONFIG = ("python", "-m", "pipeline.config")
DIFFERENT = "alpha=0.4 (conf/: 0.3), init=xavier (conf/: he), iterations=40 (conf/: 500)"  # of the experiment `tried`
IN_EXPERIMENT = {"DVC_EXP_NAME": "trial"}


def write_params(project: Project, *overrides: str) -> str:
    """Write params.yaml as `dvc exp run` does, and return it."""
    text = OmegaConf.to_yaml(configuration(overrides))
    project.write("params.yaml", text)
    return text


@pytest.mark.parametrize("stage", ["source", "train"])
def test_a_stage_says_where_params_yaml_and_conf_differ(tried: Project, stage: str) -> None:
    lines = tried.ok("python", "-m", f"pipeline.{stage}").splitlines()
    assert lines[0] == (
        f"params.yaml has {DIFFERENT}: "
        "`python -m pipeline.config apply` writes that into conf/, `dvc exp run` returns to conf/"
    )
    assert not [line for line in lines[1:] if "conf/" in line]


def test_in_an_experiment_only_the_first_stage_says_it(tried: Project) -> None:
    printed = tried.ok(*CONFIG, **IN_EXPERIMENT)
    assert printed == f"params.yaml is valid, as composed by `dvc exp run`: {DIFFERENT}\n"
    assert "conf/" not in tried.ok("python", "-m", "pipeline.normalise", **IN_EXPERIMENT)


def test_an_experiment_without_settings_returns_to_conf(tried: Project) -> None:
    tried.ok("dvc", "exp", "run")
    assert tried.read("params.yaml") == composed()


def test_applied_settings_are_in_conf_with_its_comments_and_train_nothing(tried: Project) -> None:
    tried.ok("dvc", "exp", "apply", "tried")
    conf, params = tried.read("conf/config.yaml"), tried.read("params.yaml")
    assert tried.ok(*CONFIG, "apply").splitlines() == [
        "conf/config.yaml: alpha is 0.4, was 0.3",
        "conf/config.yaml: init is xavier, was he",
        "conf/config.yaml: iterations is 40, was 500",
        "conf/ has the settings in params.yaml",
    ]
    for old, new in (("alpha: 0.3", "alpha: 0.4"), ("init: he", "init: xavier"), ("iterations: 500", "iterations: 40")):
        conf = conf.replace(old, new)
    assert tried.read("conf/config.yaml") == conf
    assert tried.stages_run(tried.ok("dvc", "repro")) == ["config"]
    assert tried.read("params.yaml") == params
    assert tried.ok(*CONFIG, "apply") == "conf/ has the settings in params.yaml\n"


def test_composing_says_what_it_replaces(tried: Project) -> None:
    tried.edit("conf/config.yaml", "alpha: 0.4", "alpha: 0.5")
    assert tried.ok(*CONFIG) == "composed conf/ into params.yaml, which had alpha=0.4 (conf/: 0.5)\n"
    assert tried.ok(*CONFIG) == "composed conf/ into params.yaml\n"


def test_a_datasets_settings_are_applied_where_they_live(tried: Project) -> None:
    params = write_params(tried, "dataset=csv", "dataset.path='my digits, #1.csv'", "dataset.image_shape=[2,2]")
    digits = tried.read("conf/dataset/digits.yaml")
    tried.ok(*CONFIG, "apply")
    assert "  - dataset: csv # digits | mnist" in tried.read("conf/config.yaml")
    assert "\npath: 'my digits, #1.csv' # relative to" in tried.read("conf/dataset/csv.yaml")
    assert "\nimage_shape: [2, 2]\n" in tried.read("conf/dataset/csv.yaml")
    assert tried.read("conf/dataset/digits.yaml") == digits
    tried.ok(*CONFIG)
    assert tried.read("params.yaml") == params


def test_what_changed_values_do_not_bring_about_is_refused_whole(tried: Project) -> None:
    tried.ok("git", "checkout", "--quiet", "conf")
    write_params(tried, "alpha=0.2", "seed=1")
    unchanged = tried.read("conf/config.yaml")
    in_another_file = unchanged.replace("seed: 0 #", "#").replace("  - _self_", "  - seed: zero\n  - _self_")
    (tried.root / "conf/seed").mkdir()
    tried.write("conf/seed/zero.yaml", "# @package _global_\nseed: 0\n")
    with_an_alias = unchanged.replace("alpha: 0.3", "alpha: &a 0.3").replace("init_scale: 0.01", "init_scale: *a")
    for text in (in_another_file, with_an_alias):
        tried.write("conf/config.yaml", text)
        printed = tried.fails(*CONFIG, "apply")
        assert printed.startswith("error: changing values in conf/ can't give alpha=0.2 (conf/: 0.3), ")
        assert "seed=1 (conf/: 0): edit conf/ by hand" in printed.replace("init_scale=0.01 (conf/: 0.3), ", "")
        assert tried.read("conf/config.yaml") == text
    tried.write("conf/config.yaml", unchanged)


def test_a_mistake_in_conf_does_not_stop_a_stage_that_does_not_read_it(tried: Project) -> None:
    tried.edit("conf/config.yaml", "alpha: 0.3", "alpha: fast")
    assert tried.ok("python", "-m", "pipeline.download") == "digits: 1797 images in raw/\n"


@pytest.mark.parametrize(
    ("names", "value", "old", "new"),
    [
        (["source"], "/a", "source: null #", "source: /a #"),
        (["source"], "no", "source: null #", "source: 'no' #"),
        (["min_kilobytes_per_second"], 1e-5, "per_second: 10 #", "per_second: 1.0e-05 #"),
        (["bytes", "t10k_labels"], 7, "t10k_labels: 4542\n", "t10k_labels: 7\n"),
    ],
)
def test_a_value_is_changed_and_nothing_else(names: list[str], value: object, old: str, new: str) -> None:
    text = (CHECKOUT / "conf/dataset/mnist.yaml").read_text()
    assert text.count(old) == 1
    assert with_value(text, names, value) == text.replace(old, new)


def test_a_list_of_lines_becomes_a_list_in_a_line() -> None:
    text = "a:\n  - b # one\n  - c # two\n# three\nd: 1 # four\n"
    assert with_value(text, ["a"], ["e", "f, g"]) == 'a:\n  ["e", "f, g"] # two\n# three\nd: 1 # four\n'
