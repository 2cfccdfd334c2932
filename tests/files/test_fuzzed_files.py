"""Whatever bytes a file holds, reading it gives a valid result or one sentence, and takes little memory.

`pytest --hypothesis-profile` can set another number of examples.
"""

import gzip
import hashlib
import json
import string
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fuzz import a_result_or_one_sentence, damaged, json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.diagnosis.diagnosis import Diagnosed, Diagnosis
from pipeline.core.initialisation import initialise
from pipeline.core.network import forward
from pipeline.core.normalisation import METHODS
from pipeline.core.training import Record, Training, Vitals
from pipeline.core.vitals import Signs
from pipeline.datasets.labelled_csv import read_labelled_csv
from pipeline.files.dataset import About, Dataset, Part, load_dataset, save_dataset
from pipeline.files.idx import read_idx
from pipeline.files.images import Images, file_names, read_images, write_images
from pipeline.files.model import load_model, save_model
from pipeline.normalise import md5_in

SHAPE = (2, 3)
CLASSES = 4
DATA = st.data()

without_a_deadline = settings(deadline=None)  # the machine may be slow; how long it takes is not what is tested


def some_images(count=5):
    rng = np.random.default_rng(0)
    return Images(rng.integers(0, 256, (count, *SHAPE), np.uint8), np.arange(count, dtype=np.uint8) % CLASSES)


def some_dataset():
    images = some_images()
    part = Part(images.pixels.reshape(-1, 6), images.labels)
    about = About({"dataset": {"name": "some"}, "normalise": "standard"}, "0f.dir", SHAPE, CLASSES)
    return Dataset(dict.fromkeys(("train", "validation", "test"), part), METHODS["standard"](part.pixels), about)


def some_model():
    network = initialise((6, 3, CLASSES), "uniform", 0.1, "float32", np.random.default_rng(0))
    history = [Record(0, 1.5, 0.5, 1.25, 0.5), Record(1, 1.0, 0.5, 1.0, 0.5)]
    vitals = [Vitals(0, 1.0, Signs(0.5, 0.25, (0.0,), (1.0, 2.0), (0.5, float("inf"))))]
    diagnosis = Diagnosis("converged", "none", None, "It went well.", "Nothing.", {"alpha": 0.5})
    return Diagnosed(Training(network, history, vitals, False, 1), diagnosis)


def files_of(write):
    """The names and contents of the files that a function writes to a directory."""
    with tempfile.TemporaryDirectory() as place:
        write(Path(place))
        return {file.name: file.read_bytes() for file in Path(place).iterdir()}


def with_files(place, files):
    """Write files to a directory."""
    for name, content in files.items():
        (Path(place) / name).write_bytes(content)
    return Path(place)


IMAGES = files_of(lambda place: write_images(place, "train", some_images()))
NORMALISED = files_of(lambda place: save_dataset(some_dataset(), place))
MODEL = files_of(lambda place: save_model(some_model(), {"dataset": "some", "fault": None}, some_dataset(), place))


@pytest.fixture(scope="module")
def place():
    """One directory for all examples of a test; each example writes all the files it reads."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@without_a_deadline
@given(data=DATA)
def test_an_idx_file(place, suffix, data):
    images, _ = file_names("train")
    content = data.draw(damaged(IMAGES[images]))
    if suffix:
        content = data.draw(st.one_of(st.just(gzip.compress(content)), damaged(gzip.compress(content))))
    with_files(place, {f"images{suffix}": content})
    with a_result_or_one_sentence():
        assert read_idx(place / f"images{suffix}", dimensions=3).size > 0


@without_a_deadline
@given(data=DATA)
def test_a_directory_of_images(data):
    with tempfile.TemporaryDirectory() as place:
        names = data.draw(st.lists(st.sampled_from([*IMAGES, *(f"{name}.gz" for name in IMAGES)]), unique=True))
        for name in names:
            content = IMAGES[name.removesuffix(".gz")]
            content = data.draw(st.one_of(st.just(content), damaged(content)))
            with_files(place, {name: gzip.compress(content) if name.endswith(".gz") else content})
        with a_result_or_one_sentence():
            images = read_images(Path(place), "train")
            assert images is None or len(images.pixels) == len(images.labels) > 0


CSV = b"label,a,b,c,d,e,f\n" + b"".join(b"%d,0,1,2,3,4,255\n" % (row % CLASSES) for row in range(4))
CELLS = st.sampled_from(["0", "7", "255", "256", "-1", "1.0", "1e2", "1e999", "nan", "True", "", " ", '"', '"1"', "\0"])
LINES = st.lists(CELLS, min_size=5, max_size=8).map(",".join)


@without_a_deadline
@given(content=st.one_of(damaged(CSV), st.lists(LINES).map(lambda lines: CSV + "\n".join(lines).encode())))
def test_a_csv(place, content):
    with_files(place, {"images.csv": content})
    with a_result_or_one_sentence():
        images = read_labelled_csv(place / "images.csv", "label", SHAPE)
        assert images.pixels.shape == (len(images.labels), *SHAPE)


def consistent(files):
    """The files of normalised/ with checksums that fit them."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "sha256.json"}
    return {**files, "sha256.json": json.dumps(sums).encode()}


def changed_json(content, data):
    """A JSON file with one of its values changed."""
    values = json.loads(content)
    name = data.draw(st.sampled_from(sorted(values)))
    return json.dumps({**values, name: data.draw(json_values())}).encode()


def one_changed(files, data):
    """The files with one of them damaged, or with one value in it changed if it is JSON."""
    name = data.draw(st.sampled_from(sorted(files)))
    if name.endswith(".json") and data.draw(st.booleans()):
        return {**files, name: changed_json(files[name], data)}
    return {**files, name: data.draw(damaged(files[name]))}


@without_a_deadline
@given(data=DATA)
def test_normalised_data(place, data):
    files = one_changed(NORMALISED, data)
    with_files(place, consistent(files) if data.draw(st.booleans()) else files)
    with a_result_or_one_sentence():
        dataset = load_dataset(place)
        samples = dataset.samples("train", "float64")
        assert samples.x.shape == (len(samples.labels), np.prod(dataset.about.image_shape))
        assert samples.labels.max() < dataset.about.classes
        assert dataset.about.name


@without_a_deadline
@given(data=DATA)
def test_a_model(place, data):
    with_files(place, one_changed(MODEL, data))
    with a_result_or_one_sentence():
        model = load_model(place)
        pixels = np.zeros((1, np.prod(model.about.image_shape)))
        assert forward(model.training.network, pixels)[-1].shape == (1, model.about.classes)


TYPES = st.sampled_from(["u1", "f4", "f8", "i8", "O", "U3", "?"])
ARRAYS = st.builds(lambda shape, dtype: np.zeros(shape, dtype), st.lists(st.integers(0, 6), max_size=3), TYPES)


@without_a_deadline
@given(arrays=st.dictionaries(st.sampled_from(["weights1", "bias1", "weights2", "bias2", "shift"]), ARRAYS))
def test_other_arrays(place, arrays):
    archive = BytesIO()
    np.savez(archive, **arrays)
    with_files(place, {**MODEL, "weights.npz": archive.getvalue()})
    with a_result_or_one_sentence():
        load_model(place)


@without_a_deadline
@given(content=st.one_of(damaged(b"outs:\n- md5: 0f.dir\n  path: data\n"), st.text(string.printable).map(str.encode)))
def test_a_pointer_to_the_data(place, content):
    with_files(place, {"data.dvc": content})
    with a_result_or_one_sentence():
        assert isinstance(md5_in(place / "data.dvc"), str)
