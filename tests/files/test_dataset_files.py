"""Saving and loading the normalised dataset."""

import numpy as np
import pytest

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


@pytest.mark.parametrize("damage", [lambda file: file.write_text("[]"), lambda file: file.unlink()])
@pytest.mark.parametrize("name", ["sha256.json", "scale.npy"])
def test_a_damaged_directory_is_refused(tmp_path, name, damage):
    save_dataset(some_dataset("standard"), tmp_path)
    damage(tmp_path / name)
    with pytest.raises(UserError, match="run `dvc repro normalise`"):
        load_dataset(tmp_path)
