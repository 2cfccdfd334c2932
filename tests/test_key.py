"""The key that identifies a training: what counts as the same."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import Project
from plain import PLAIN

from pipeline.core.normalisation import METHODS
from pipeline.files.dataset import PARTS, About, Dataset, Part
from pipeline.settings.schema import Digits
from pipeline.training.key import key_of, key_of_all

ABOUT = About(PLAIN.of_the_data(), data_md5="0f.dir", image_shape=(2, 2), classes=2)
IMAGES = Part(np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.uint8), np.array([0, 1], np.uint8))
DATASET = Dataset(dict.fromkeys(PARTS, IMAGES), METHODS["unit"](IMAGES.pixels), ABOUT)


@pytest.mark.parametrize(
    "change",
    [{"alpha": 0.4}, {"init": "zeros"}, {"iterations": 99}, {"hidden": [20, 20]}, {"seed": 1}, {"normalise": "unit"}],
)
def test_changing_a_setting_changes_the_key(change):
    assert key_of(PLAIN.model_copy(update=change), DATASET) != key_of(PLAIN, DATASET)


def test_changing_the_data_changes_the_key():
    one_pixel_more = IMAGES._replace(pixels=IMAGES.pixels + np.array([[0, 0, 0, 0], [0, 0, 0, 1]], np.uint8))
    assert key_of(PLAIN, replace(DATASET, parts=DATASET.parts | {"train": one_pixel_more})) != key_of(PLAIN, DATASET)


def test_equal_settings_and_data_have_the_same_key():
    again = PLAIN.model_copy(update={"dataset": Digits(kind="digits", name="digits")})
    assert key_of(again, replace(DATASET)) == key_of(PLAIN, DATASET)


def test_changing_core_changes_the_code_version(project: Project):
    version = (sys.executable, "-c", "from pipeline.training.key import code_version; print(code_version())")
    before = project.ok(*version)
    project.edit("pipeline/grid/stacks.py", "WIDEST = ", "WIDEST = 1 * ")
    assert project.ok(*version) == before
    project.edit("pipeline/core/initialisation.py", "np.sqrt(2 / fan_in)", "np.sqrt(3 / fan_in)")
    assert project.ok(*version) != before


def test_a_sweeps_key_ignores_the_order_of_its_points():
    assert key_of_all(["a", "b", "a"]) == key_of_all(["b", "a"]) != key_of_all(["a"])
