"""Every valid combination of settings, on data of any shape, ends in a training with a sane diagnosis."""

from typing import get_args

import numpy as np
import pytest
from any_network import assert_sane, examples, images
from hypothesis import given
from hypothesis import strategies as st
from plain import PLAIN

from pipeline.core.diagnosis.catalogue import IN_THE_CODE
from pipeline.core.fast.precision import TrainingPrecision
from pipeline.core.faults import Fault
from pipeline.core.initialisation import SCHEMES
from pipeline.core.normalisation import METHODS
from pipeline.files.dataset import About, Dataset, Part
from pipeline.training.fit import fit

LARGEST, SMALLEST = float(np.finfo(np.float64).max), 5e-324

SETTINGS = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from([SMALLEST, 1e-300, 1e-8, 0.1, 10.0, 1e39, 1e300, LARGEST]),
        "init": st.sampled_from(list(SCHEMES)),
        "init_scale": st.sampled_from([SMALLEST, 1e-3, 1.0, 10.0]),
        "iterations": st.sampled_from([1, 2, 15]),
        "hidden": st.lists(st.sampled_from([1, 2, 3, 20]), min_size=1, max_size=3),
        "reduction": st.sampled_from(["mean", "sum"]),
        "batch_size": st.sampled_from([None, 1, 7, 100]),
        "precision": st.sampled_from(get_args(TrainingPrecision)),
        "fault": st.sampled_from([None, None, *get_args(Fault)]),
    }
)


def dataset(pixels, labels, method="standard", classes=None):
    """A dataset whose first images validate."""
    parts = {"train": Part(pixels, labels), "validation": Part(pixels[:5], labels[:5])}
    about = About({"normalise": method}, "0f.dir", (1, pixels.shape[1]), classes or int(labels.max()) + 1)
    return Dataset(parts, METHODS[method](pixels), about)


def diagnosis_of(point, data):
    [diagnosed] = fit([point], data, 1, lambda _iteration, _rows: None)
    return diagnosed.diagnosis


def point(**changes):
    return PLAIN.model_copy(update=changes)


@examples(1 / 10)
@given(images(), SETTINGS)
def test_any_settings_have_a_sane_diagnosis_and_correct_code_is_not_accused(some, changes):
    pixels, labels, method = some
    chosen = point(normalise=method, **changes)
    found = diagnosis_of(chosen, dataset(pixels, labels.astype(np.uint8), method))
    assert_sane(found, chosen)
    assert chosen.fault or found.cause not in IN_THE_CODE


FEW = np.random.default_rng(0).integers(0, 256, (20, 4), dtype=np.uint8)
IN_TURN = np.arange(20, dtype=np.uint8) % 2


@pytest.mark.parametrize("precision", get_args(TrainingPrecision))
@pytest.mark.parametrize("method", ["standard", "none"])
@pytest.mark.parametrize("level", [0, 7, 255])
def test_images_that_are_all_alike_do_not_incriminate_the_code(level, method, precision):
    alike = dataset(np.full((8, 4), level, np.uint8), IN_TURN[:8], method)
    found = diagnosis_of(point(normalise=method, precision=precision, iterations=1), alike)
    assert found.cause not in IN_THE_CODE


def test_the_largest_alpha_is_said_to_be_too_large_in_finite_numbers():
    found = diagnosis_of(point(alpha=LARGEST), dataset(FEW, IN_TURN))
    assert found.cause == "alpha_too_large"
    assert "alpha 1.79769e+308 is more than a million times the stable alpha" in found.sentence
    assert np.isfinite([*found.evidence.values()]).all()


def test_the_smallest_alpha_is_said_to_be_too_small():
    found = diagnosis_of(point(alpha=SMALLEST, iterations=5), dataset(FEW, IN_TURN))
    assert "is less than a millionth of the stable alpha" in found.sentence
    assert found.prescription["alpha"] > 1e-3


def test_an_alpha_is_prescribed_where_the_loss_would_curve_up_nowhere():
    # Normalised by `standard`, these images would all be 0, and their classes are equally frequent.
    alike = dataset(np.full((8, 4), 255, np.uint8), IN_TURN[:8], "none")
    found = diagnosis_of(point(alpha=1e100, normalise="none", hidden=[3]), alike)
    assert found.cause == "alpha_too_large"
    assert found.prescription["alpha"] < found.stable_alpha < 1
