"""What counts as the same training."""

import sys
from dataclasses import replace

import pytest
from conftest import Project
from plain import PLAIN

from pipeline.files.dataset import About
from pipeline.grid.key import key_of, sweep_key
from pipeline.settings.schema import Digits

ABOUT = About(PLAIN.of_the_data(), data_md5="0f.dir", image_shape=(8, 8), classes=10)


@pytest.mark.parametrize(
    "change",
    [{"alpha": 0.4}, {"init": "zeros"}, {"iterations": 99}, {"hidden": [20, 20]}, {"seed": 1}, {"normalise": "unit"}],
)
def test_other_settings_are_another_training(change):
    assert key_of(PLAIN.model_copy(update=change), ABOUT) != key_of(PLAIN, ABOUT)


def test_other_data_is_another_training():
    assert key_of(PLAIN, replace(ABOUT, data_md5="1f.dir")) != key_of(PLAIN, ABOUT)


def test_the_same_is_the_same():
    again = PLAIN.model_copy(update={"dataset": Digits(kind="digits", name="digits")})
    assert key_of(again, replace(ABOUT)) == key_of(PLAIN, ABOUT)


def test_other_code_in_the_core_is_another_training(project: Project):
    version = (sys.executable, "-c", "from pipeline.grid.key import code_version; print(code_version())")
    before = project.ok(*version)
    project.edit("pipeline/grid/stacks.py", "WIDEST = ", "WIDEST = 1 * ")
    assert project.ok(*version) == before
    project.edit("pipeline/core/initialisation.py", "np.sqrt(2 / fan_in)", "np.sqrt(3 / fan_in)")
    assert project.ok(*version) != before


def test_a_sweep_is_its_points_in_any_order():
    assert sweep_key(["a", "b", "a"]) == sweep_key(["b", "a"]) != sweep_key(["a"])
