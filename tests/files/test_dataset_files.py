"""Saving and loading the normalised dataset."""

import hashlib
import json
import pickle
import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fuzz import refusal, replaced_by_a_pipe

from pipeline.console.errors import UserError
from pipeline.core.normalisation import METHODS
from pipeline.files.dataset import About, Dataset, Part, load_dataset, save_dataset

EACH_METHOD = pytest.mark.parametrize("method", METHODS)


def some_dataset(method):
    rng = np.random.default_rng(0)
    parts = {
        name: Part(rng.integers(0, 256, (n, 12), dtype=np.uint8), rng.integers(0, 10, n, dtype=np.uint8))
        for name, n in {"train": 8, "validation": 3, "test": 2}.items()
    }
    settings = {"dataset": {"name": "ziffern äöü", "image_shape": [4, 3]}, "normalise": method}
    about = About(settings, data_md5="0f.dir", image_shape=(4, 3), classes=10)
    return Dataset(parts, METHODS[method](parts["train"].pixels), about)


@EACH_METHOD
def test_a_round_trip_changes_nothing(tmp_path, method):
    saved = some_dataset(method)
    save_dataset(saved, tmp_path)
    loaded = load_dataset(tmp_path)

    assert loaded.about == saved.about
    assert loaded.parts.keys() == saved.parts.keys()
    for name, part in saved.parts.items():
        for found, expected in zip(loaded.parts[name], part, strict=True):
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == np.uint8
    for found, expected in zip(loaded.affine, saved.affine, strict=True):
        np.testing.assert_array_equal(found, expected)
        assert (found.dtype, found.shape) == (np.float64, expected.shape)


def test_a_directory_without_a_dataset_is_reported(tmp_path):
    with pytest.raises(UserError) as caught:
        load_dataset(tmp_path / "normalised")
    assert str(tmp_path / "normalised") in str(caught.value)
    assert "dvc repro normalise" in str(caught.value)


def test_no_file_needs_pickle(tmp_path):
    save_dataset(some_dataset("standard"), tmp_path)
    files = list(tmp_path.glob("*.npy"))
    assert len(files) == 8  # pixels and labels of three parts, and the shift and scale of the map
    for file in files:
        assert np.load(file, allow_pickle=False).dtype in (np.uint8, np.float64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_samples_are_normalised_with_the_datasets_own_map(part, dtype):
    dataset = some_dataset("standard")
    samples = dataset.samples(part, dtype)
    np.testing.assert_array_equal(samples.x, dataset.affine.apply(dataset.parts[part].pixels, dtype))
    np.testing.assert_array_equal(samples.labels, dataset.parts[part].labels)
    assert samples.x.dtype == dtype


def test_a_changed_file_is_refused_by_name(tmp_path):
    save_dataset(some_dataset("standard"), tmp_path)
    labels = np.load(tmp_path / "train_labels.npy")
    np.save(tmp_path / "train_labels.npy", labels[::-1])
    with pytest.raises(UserError, match=r"was changed after `normalise` wrote it \(train_labels.npy\)"):
        load_dataset(tmp_path)


def rewritten(directory):
    """Make the checksums fit the files, so that only their content can be wrong."""
    names = [path.name for path in directory.iterdir() if path.name != "sha256.json"]
    sums = {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in names}
    (directory / "sha256.json").write_text(json.dumps(sums))


def error_message(directory):
    return refusal(load_dataset, directory, "run `dvc repro normalise`")


@pytest.mark.parametrize(
    "damage",
    [lambda file: file.write_text("[]"), lambda file: file.write_bytes(b""), Path.unlink, replaced_by_a_pipe],
    ids=["other content", "nothing", "missing", "a pipe"],
)
@pytest.mark.parametrize("name", ["sha256.json", "scale.npy", "train_pixels.npy"])
def test_a_damaged_directory_is_refused_by_the_files_name(tmp_path, name, damage):
    save_dataset(some_dataset("standard"), tmp_path)
    damage(tmp_path / name)
    assert name in error_message(tmp_path)


@pytest.mark.parametrize("content", ["{}", '{"about.json": 1}', '{"../../dev/zero": ""}', "{" * 100_000])
def test_other_checksums_are_refused(tmp_path, content):
    save_dataset(some_dataset("standard"), tmp_path)
    (tmp_path / "sha256.json").write_text(content)
    assert "sha256.json is damaged" in error_message(tmp_path)


SETTINGS = {"dataset": {"name": "a"}, "normalise": "unit"}
ABOUT = {"settings": SETTINGS, "data_md5": "", "image_shape": [4, 3], "classes": 10}


@pytest.mark.parametrize(
    "about",
    [
        [],
        {},
        {"setting": SETTINGS, "data_md5": "", "image_shape": [4, 3], "classes": 10},
        ABOUT | {"settings": {}},
        ABOUT | {"settings": {"dataset": "digits", "normalise": "unit"}},
        ABOUT | {"settings": {"dataset": {}, "normalise": "unit"}},
        ABOUT | {"settings": {"dataset": {"name": "a"}}},
        ABOUT | {"image_shape": [12]},
        ABOUT | {"image_shape": [-4, -3]},
        ABOUT | {"image_shape": "4x3"},
        ABOUT | {"classes": 0},
        ABOUT | {"classes": "ten"},
    ],
)
def test_a_description_of_the_wrong_kind_is_refused(tmp_path, about):
    save_dataset(some_dataset("standard"), tmp_path)
    (tmp_path / "about.json").write_text(json.dumps(about))
    rewritten(tmp_path)
    assert "about.json is damaged" in error_message(tmp_path)


def npy_of(shape, dtype="|u1", content=b""):
    """An npy file whose header announces this, whatever follows."""
    file = BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue() + content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train_pixels", b"garbage"),
        ("train_pixels", npy_of((8, 12))),
        ("train_pixels", npy_of((2**40, 12), content=bytes(96))),
        ("train_pixels", npy_of((2**62, 12))),
        ("train_pixels", npy_of((8, 12), content=bytes(97))),
        ("train_pixels", npy_of((8, 4, 3), content=bytes(96))),
        ("train_pixels", npy_of((0, 12))),
        ("train_pixels", npy_of((8, 12), "<f8", bytes(8 * 96))),
        ("train_pixels", npy_of((8, 12), "|O", pickle.dumps([0] * 96))),
        ("train_labels", npy_of((7,), content=bytes(7))),
        ("train_labels", npy_of((8,), content=bytes([10] * 8))),  # ten classes end at 9
        ("shift", npy_of((11,), "<f8", bytes(88))),
        ("scale", npy_of((), "<f4", bytes(4))),
    ],
)
def test_an_array_of_the_wrong_kind_is_refused(tmp_path, name, content):
    save_dataset(some_dataset("standard"), tmp_path)
    (tmp_path / f"{name}.npy").write_bytes(content)
    rewritten(tmp_path)
    tracemalloc.start()
    assert f"{name}.npy is damaged" in error_message(tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**22
