"""A saved model: everything is loaded again, and no file depends on when it was saved."""

import json
import tracemalloc
import zipfile
from dataclasses import replace
from io import BytesIO
from unittest.mock import ANY

import numpy as np
import pytest
from fuzz import refusal, replaced_by_a_pipe

from pipeline.console.errors import UserError
from pipeline.core.diagnosis.diagnosis import Diagnosed, Diagnosis
from pipeline.core.initialisation import initialise
from pipeline.core.network import Layer
from pipeline.core.normalisation import Affine
from pipeline.core.training import Record, Training, Vitals
from pipeline.core.vitals import Signs
from pipeline.files.dataset import About, Dataset, Part
from pipeline.files.model import fingerprint, load_example, load_model, load_network, save_model, write_json

CONFIG = {"dataset": "digits", "alpha": 0.1, "hidden": [5, 3], "batch_size": None, "seed": 0, "fault": None}

# Numbers that round-trip only if every digit is written.
HISTORY = [
    Record(0, 2.302585092994046, 0.1, 1 / 3, 0.0),
    Record(1, 0.1 + 0.2, 2 / 3, 5e-324, 1.0),
    Record(100, 1.7976931348623157e308, 1.0, 1.2345678901234567e-17, 0.9999999999999999),
]

VITALS = [
    Vitals(0, 1.0, Signs(0.1 + 0.2, 2 / 3, (0.0, 0.5), (1 / 3, 1e-300, 2.0), (1e-9, 0.0, float("inf")))),
    Vitals(100, 0.1, Signs(1e38, 0.0, (1.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))),
]

PRESCRIPTION = {"alpha": 0.1 + 0.2, "hidden": [20, 20], "batch_size": None, "init": "he"}
DIAGNOSIS = Diagnosis(
    "converged", "alpha_too_small", 3, "What happened.", "What to try.", {"alpha": 0.1 + 0.2}, PRESCRIPTION
)


def some_training(dtype="float32", sizes=(4, 5, 3, 2)):
    network = initialise(sizes, "uniform", 0.01, dtype, np.random.default_rng(0))
    return Training(network, HISTORY, VITALS, False, 100)


ABOUT = About({"dataset": {"name": "digits"}, "normalise": "unit"}, "0f.dir", image_shape=(2, 2), classes=2)
IMAGES = Part(np.array([[0, 3, 7, 16], [1, 2, 3, 4]], np.uint8), np.array([0, 1], np.uint8))
DATASET = Dataset({"test": IMAGES}, Affine(np.arange(4.0), np.array(0.1)), ABOUT)


def save(tmp_path, name, training=None, config=None):
    """Save a model to a new directory."""
    directory = tmp_path / name
    directory.mkdir()
    training = training or some_training()
    diagnosis = replace(DIAGNOSIS, outcome="diverged") if training.diverged else DIAGNOSIS
    save_model(Diagnosed(training, diagnosis), CONFIG if config is None else config, DATASET, directory)
    return directory


def assert_same(network, expected):
    assert len(network) == len(expected)
    for layer, other in zip(network, expected, strict=True):
        for values, others in zip(layer, other, strict=True):
            assert values.dtype == others.dtype
            np.testing.assert_array_equal(values, others)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_round_trip_changes_nothing(tmp_path, dtype):
    saved = some_training(dtype)
    model = load_model(save(tmp_path, "model", saved))
    assert_same(model.training.network, saved.network)
    assert model.training.history == saved.history
    assert all(isinstance(row, Record) and isinstance(row.iteration, int) for row in model.training.history)
    assert model.training.vitals == VITALS
    assert not model.training.diverged
    assert model.training.iterations == 100
    assert model.diagnosis == DIAGNOSIS
    assert model.config == CONFIG


def test_random_histories_round_trip_exactly(tmp_path):
    rng = np.random.default_rng(0)
    history = [Record(iteration, *rng.random(4).tolist()) for iteration in range(1000)]
    model = load_model(save(tmp_path, "model", replace(some_training(), history=history)))
    assert model.training.history == history


def test_a_diagnosis_saved_without_a_prescription_loads_with_an_empty_one(tmp_path):
    file = save(tmp_path, "model") / "diagnosis.json"
    values = json.loads(file.read_text())
    assert values.pop("prescription") == PRESCRIPTION
    file.write_text(json.dumps(values))
    assert load_model(file.parent).diagnosis == replace(DIAGNOSIS, prescription={})


def test_an_empty_history_round_trips(tmp_path):
    saved = replace(some_training(), history=[], vitals=[], diverged=True, iterations=0)
    assert load_model(save(tmp_path, "model", saved)).training == replace(saved, network=ANY)


def test_more_than_nine_layers_keep_their_order(tmp_path):
    # As text, weights10 sorts before weights2.
    saved = some_training(sizes=tuple(range(2, 15)))
    assert_same(load_network(save(tmp_path, "model", saved)), saved.network)


def test_the_weights_need_no_pickle(tmp_path):
    with np.load(save(tmp_path, "model") / "weights.npz", allow_pickle=False) as weights:
        names = set(weights.files)
        assert {weights[name].dtype for name in names} == {np.dtype("float32")}
    assert names == {"weights1", "bias1", "weights2", "bias2", "weights3", "bias3"}


def test_the_normalisation_is_saved_with_the_weights(tmp_path):
    with np.load(save(tmp_path, "model") / "normalisation.npz", allow_pickle=False) as affine:
        np.testing.assert_array_equal(affine["shift"], DATASET.affine.shift)
        np.testing.assert_array_equal(affine["scale"], DATASET.affine.scale)


def test_saving_twice_gives_the_same_bytes(tmp_path):
    one, other = save(tmp_path, "one"), save(tmp_path, "other")
    names = sorted(path.name for path in one.iterdir())
    assert names == FILES
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_no_file_contains_the_time(tmp_path):
    # A zip file's times are in steps of two seconds, so the test above could miss them.
    with zipfile.ZipFile(save(tmp_path, "model") / "weights.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_loaded_model_has_its_directorys_fingerprint(tmp_path):
    directory = save(tmp_path, "model")
    assert load_model(directory).sha256 == fingerprint(directory)
    assert len(fingerprint(directory)) == 64


def test_the_same_model_has_the_same_fingerprint(tmp_path):
    assert fingerprint(save(tmp_path, "one")) == fingerprint(save(tmp_path, "other"))


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("field", ["weights", "bias"])
def test_the_fingerprint_changes_with_the_last_bit_of_a_weight(tmp_path, layer, field):
    training = some_training()
    values = getattr(training.network[layer], field).copy()
    values.flat[-1] = np.nextafter(values.flat[-1], np.float32(1))
    network = list(training.network)
    network[layer] = network[layer]._replace(**{field: values})
    changed = replace(training, network=tuple(network))
    assert fingerprint(save(tmp_path, "one")) != fingerprint(save(tmp_path, "other", changed))


def test_the_fingerprint_changes_with_a_setting(tmp_path):
    changed = {**CONFIG, "alpha": 0.2}
    assert fingerprint(save(tmp_path, "one")) != fingerprint(save(tmp_path, "other", config=changed))


def test_the_fingerprint_ignores_the_history(tmp_path):
    shorter = replace(some_training(), history=HISTORY[:1])
    assert fingerprint(save(tmp_path, "one")) == fingerprint(save(tmp_path, "other", shorter))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [1.0, value], lambda value: {"loss": value}])
def test_json_with_nan_or_infinity_is_not_written(tmp_path, value, wrap):
    path = tmp_path / "metrics.json"
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"loss": wrap(value)})
    assert not path.exists()


def test_json_is_indented_and_ends_with_a_newline(tmp_path):
    write_json(tmp_path / "metrics.json", {"loss": 0.5})
    assert (tmp_path / "metrics.json").read_text() == '{\n  "loss": 0.5\n}\n'


def test_a_layer_is_stored_as_weights_and_bias():
    # The array names in the files come from these, so renaming a field would make saved models unreadable.
    assert Layer._fields == ("weights", "bias")


def test_the_description_of_the_data_round_trips(tmp_path):
    assert load_model(save(tmp_path, "model")).about == ABOUT


def test_a_directory_without_a_model_is_reported(tmp_path):
    with pytest.raises(UserError, match="dvc repro train"):
        load_model(tmp_path / "model")


def test_the_example_holds_a_raw_test_image_and_the_brightest_pixel(tmp_path):
    save_model(Diagnosed(some_training(), DIAGNOSIS), CONFIG, DATASET, tmp_path)
    pixels, brightest = load_example(tmp_path)
    assert pixels.tolist() == [[0, 3, 7, 16]]
    assert brightest == 16


FILES = [
    "config.json",
    "data.json",
    "diagnosis.json",
    "example.npz",
    "history.csv",
    "normalisation.npz",
    "vitals.csv",
    "weights.npz",
]


def error_message(directory):
    return refusal(load_model, directory, "train again with `dvc repro train`")


DAMAGES = {
    "nothing": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "all but one byte": lambda path: path.write_bytes(path.read_bytes().rstrip()[:-1]),
    "garbage": lambda path: path.write_bytes(np.random.default_rng(0).bytes(500)),
    "text": lambda path: path.write_text("<html>\n"),
    "a list": lambda path: path.write_text("[1, 2]\n"),
    "a pipe": replaced_by_a_pipe,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused_by_name(tmp_path, name, damage):
    directory = save(tmp_path, "model")
    damage(directory / name)
    assert f"model/{name} is" in error_message(directory)


@pytest.mark.parametrize("name", FILES[:-1])
def test_a_missing_file_is_reported_by_name(tmp_path, name):
    directory = save(tmp_path, "model")
    (directory / name).unlink()
    assert f"model/{name} is missing" in error_message(directory)


def layers(*shapes, dtype="float32"):
    """Arrays named and shaped like those of a network: weights, bias, weights, bias."""
    names = [f"{name}{depth}" for depth in (1, 2, 3) for name in ("weights", "bias")]
    return {name: np.zeros(shape, dtype) for name, shape in zip(names, shapes, strict=False)}


WRONG_ARRAYS = {
    "no layers": ("weights", {}),
    "a bias short": ("weights", layers((4, 2))),
    "a gap": ("weights", layers((4, 5), (5,), (4, 2), (2,))),
    "a bias that doesn't fit": ("weights", layers((4, 2), (3,))),
    "weights in one dimension": ("weights", layers((8,), (2,))),
    "weights in three dimensions": ("weights", layers((4, 2, 2), (2, 2))),
    "other pixels": ("weights", layers((3, 2), (2,))),
    "other classes": ("weights", layers((4, 3), (3,))),
    "whole numbers": ("weights", layers((4, 2), (2,), dtype="int64")),
    "two types": ("weights", layers((4, 2), (2,)) | {"bias1": np.zeros(2)}),
    "an array too many": ("weights", layers((4, 2), (2,)) | {"more": np.zeros(2, "float32")}),
    "a pickle": ("weights", layers((4, 2), (2,)) | {"bias1": np.array([None, None])}),
    "a shift for other pixels": ("normalisation", {"shift": np.zeros(5), "scale": np.array(1.0)}),
    "no scale": ("normalisation", {"shift": np.zeros(4)}),
    "two images": ("example", {"pixels": np.zeros((2, 4), np.uint8), "brightest": np.array(1)}),
    "no brightest pixel": ("example", {"pixels": np.zeros((1, 4), np.uint8)}),
}


@pytest.mark.parametrize(("name", "arrays"), WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_arrays_of_the_wrong_kind_are_refused(tmp_path, name, arrays):
    directory = save(tmp_path, "model")
    np.savez(directory / f"{name}.npz", **arrays)
    assert f"model/{name}.npz is damaged" in error_message(directory)


def npy_of_gigabytes(content):
    """An npy file that announces 2**30 numbers, whatever it holds."""
    file = BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": (2**28, 4), "fortran_order": False, "descr": "<f4"})
    return file.getvalue() + content


def an_array_that_lies(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights1.npy", npy_of_gigabytes(b""))


def an_archive_that_lies(path):
    an_array_that_lies(path)
    content = path.read_bytes()
    lengths = content.index(b"PK\1\2") + 20  # in the archive's directory
    path.write_bytes(content[:lengths] + b"\xff\xff\xff\x3f" * 2 + content[lengths + 8 :])


def a_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights1.npy", npy_of_gigabytes(bytes(2**25)))


@pytest.mark.parametrize("write", [an_array_that_lies, an_archive_that_lies, a_bomb])
def test_a_small_file_of_arrays_cannot_take_much_memory(tmp_path, write):
    directory = save(tmp_path, "model")
    write(directory / "weights.npz")
    tracemalloc.start()
    assert "model/weights.npz is damaged" in error_message(directory)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**22


WRONG_TABLES = {
    "another column": ("history.csv", lambda text: text.replace("accuracy", "precision", 1)),
    "a row that is too long": ("history.csv", lambda text: text + "101,1,1,1,1,1\n"),
    "only rows that are too long": ("history.csv", lambda text: text.splitlines()[0] + "\n1,1,1,1,1,1\n"),
    "a row that is too short": ("history.csv", lambda text: text + "101,1\n"),
    "an infinite loss": ("history.csv", lambda text: text + "101,inf,1,1,1\n"),
    "text": ("history.csv", lambda text: text + "101,low,1,1,1\n"),
    "half an iteration": ("history.csv", lambda text: text + "101.5,1,1,1,1\n"),
    "the signs of another network": ("vitals.csv", lambda text: text.replace("update_ratio_3", "update_ratio_4")),
    "text in a sign": ("vitals.csv", lambda text: text.replace("inf", "infinite")),
}


@pytest.mark.parametrize(("name", "change"), WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_a_table_of_the_wrong_kind_is_refused(tmp_path, name, change):
    file = save(tmp_path, "model") / name
    file.write_text(change(file.read_text()))
    assert f"model/{name} is damaged" in error_message(file.parent)


@pytest.mark.parametrize(
    "change", [{"iterations": "many"}, {"outcome": "great"}, {"evidence": [1]}, {"sentence": None}]
)
def test_a_diagnosis_of_the_wrong_kind_is_refused(tmp_path, change):
    file = save(tmp_path, "model") / "diagnosis.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert "model/diagnosis.json is damaged" in error_message(file.parent)


@pytest.mark.parametrize("config", [{}, {"fault": "a new one"}, {"fault": ["softmax_over_samples"]}])
def test_a_config_that_does_not_say_what_the_network_predicts_is_refused(tmp_path, config):
    directory = save(tmp_path, "model", config=config)
    assert "model/config.json is damaged" in error_message(directory)
