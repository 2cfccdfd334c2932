"""A sweep's best network becomes the champion, and predicts over HTTP what the pipeline does."""

import json
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pandas as pd
import pytest
import requests
from conftest import Project
from servers import model_server

from pipeline.console.errors import UserError
from pipeline.core.network import Layer, forward, log_softmax
from pipeline.core.normalisation import standard
from pipeline.files.model import EXAMPLE, NORMALISATION, WEIGHTS, save_arrays
from pipeline.tracking.champion import crown
from pipeline.tracking.publisher import required_store
from pipeline.tracking.serving import is_servable, save_served_model
from pipeline.tracking.store import Store

SWEEP = ("python", "-m", "pipeline.sweep")
CHAMPION = ("python", "-m", "pipeline.track", "champion")
NAME = "numpy-mlp-digits"
URI = f"models:/{NAME}@champion"


@pytest.fixture(scope="module")
def swept(reproduced: Project) -> Project:
    """A project with a network trained well, by DVC, and a sweep of networks that are hardly trained."""
    reproduced.environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
    reproduced.ok(*SWEEP, "alpha=0.1,0.2", "iterations=20")
    return reproduced


@pytest.fixture
def store(swept: Project, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The project's store, opened as the pipeline does."""
    monkeypatch.setenv("DVC_ROOT", str(swept.root))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    return required_store()


@pytest.fixture(scope="module")
def trained_by_dvc(swept: Project) -> str:
    """The id of the run that DVC trained."""
    [run] = swept.tracked_runs("metrics.test_accuracy > 0")
    return run.info.run_id


@pytest.fixture(scope="module")
def pixels(swept: Project) -> np.ndarray:
    """The test images."""
    return np.load(swept.root / "normalised/test_pixels.npy").astype(int)


@pytest.fixture(scope="module")
def predictions(swept: Project) -> pd.DataFrame:
    """The pipeline's predictions for them."""
    return pd.read_csv(swept.root / "report/predictions.csv")


def champion(store: Store):
    return store.client.get_model_version_by_alias(NAME, "champion")


def run_with(project: Project, *conditions: str) -> str:
    """The id of the only run that meets these conditions."""
    [run] = project.tracked_runs(" and ".join(conditions))
    return run.info.run_id


def assert_answers(answers: list[dict[str, float]], predictions: pd.DataFrame) -> None:
    """Check that the answers match the pipeline's predictions, to the precision of the CSV."""
    assert [answer["digit"] for answer in answers] == predictions.predicted.to_list()
    assert np.allclose([answer["probability"] for answer in answers], predictions.confidence, atol=1e-6)


def test_the_best_point_of_the_newest_sweep_becomes_champion(swept: Project, store: Store) -> None:
    printed = swept.ok(*CHAMPION)
    [sweep] = swept.tracked_runs("tags.sweep_key != ''")
    best = store.client.get_run(sweep.data.tags["best_run_id"])
    version = champion(store)
    assert version.run_id == best.info.run_id
    assert version.tags == {
        "model_sha256": best.data.tags["model_sha256"],
        "data_md5": best.data.tags["data_md5"],
        "validation_accuracy": repr(best.data.metrics["final_validation_accuracy"]),
    }
    assert f"mlflow models serve -m {URI} --env-manager local" in printed
    assert "WARNING" not in printed


def test_a_champion_is_not_crowned_twice(store: Store) -> None:
    assert "already, as version 1" in crown(store, None)
    assert str(champion(store).version) == "1"


def test_a_worse_sweep_does_not_replace_the_champion(swept: Project, store: Store) -> None:
    swept.ok(*SWEEP, "alpha=0.05,1e30", "iterations=5", "fault=null,gradient_sign")
    assert "is not better than the champion's" in crown(store, None)
    assert str(champion(store).version) == "1"


def test_a_better_run_replaces_the_champion_without_logging_a_second_model(store: Store, trained_by_dvc: str) -> None:
    assert "is better than the champion's" in crown(store, trained_by_dvc)
    assert str(champion(store).version) == "2"
    [logged] = store.client.search_logged_models([store.experiment], f"source_run_id = '{trained_by_dvc}'")
    assert champion(store).source == logged.artifact_location


def test_a_champion_trained_on_other_data_is_not_replaced(store: Store) -> None:
    version = champion(store)
    store.client.set_model_version_tag(NAME, version.version, "data_md5", "another")
    with pytest.raises(UserError, match="trained on other data"):
        crown(store, None)
    store.client.set_model_version_tag(NAME, version.version, "data_md5", version.tags["data_md5"])


def test_a_diverged_or_faulty_network_cannot_be_champion(swept: Project, store: Store, tmp_path: Path) -> None:
    diverged = run_with(swept, "tags.outcome = 'diverged'", "params.fault = 'null'")
    with pytest.raises(UserError, match="diverged"):
        crown(store, diverged)
    with pytest.raises(UserError, match="gradient_sign"):
        crown(store, run_with(swept, "params.alpha = '0.05'", "params.fault = 'gradient_sign'"))
    assert not is_servable(store.download_model(store.run(diverged), str(tmp_path)))


def test_an_unknown_or_empty_run_cannot_be_champion(store: Store) -> None:
    with pytest.raises(UserError, match="MLflow has no run nosuch"):
        crown(store, "nosuch")
    empty = store.create("empty", {}, 1000.0)
    with pytest.raises(UserError, match="has no network"):
        crown(store, empty)


def test_a_models_files_are_text_and_arrays_without_local_paths(swept: Project, store: Store) -> None:
    from mlflow.models import Model

    directory = Path(url2pathname(urlsplit(champion(store).source).path))
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {"", ".json", ".npz", ".py", ".txt", ".yaml"}
    for path in files:
        if path.suffix == ".npz":
            assert all(np.isfinite(values).all() for values in np.load(path, allow_pickle=False).values())
        else:
            assert str(swept.root) not in path.read_text(encoding="utf-8")
            assert str(Path(__file__).parents[1]) not in path.read_text(encoding="utf-8")
    described = Model.load(str(directory))
    assert described.signature.inputs.inputs[0].shape == (-1, 64)
    assert described.signature.outputs.input_names() == ["digit", "probability"]
    assert described.load_input_example(str(directory)).shape == (1, 64)


@pytest.fixture(scope="module")
def url(swept: Project):
    """The URL at which the champion is served."""
    with model_server(URI, swept.root, swept.environment) as url:
        yield url


def test_an_image_is_classified_over_http(url: str, pixels: np.ndarray, predictions: pd.DataFrame) -> None:
    response = requests.post(url, json={"inputs": [pixels[0].tolist()]}, timeout=60)
    assert response.status_code == 200, response.text
    assert_answers(response.json()["predictions"], predictions[:1])


def test_the_champions_example_input_is_answered(swept: Project, url: str) -> None:
    swept.ok("mlflow", "artifacts", "download", "-u", URI, "-d", "champion")
    example = swept.read("champion/serving_input_example.json")
    response = requests.post(url, data=example, headers={"Content-Type": "application/json"}, timeout=60)
    assert response.status_code == 200
    assert len(response.json()["predictions"]) == 1


def test_all_images_are_classified_in_one_request(url: str, pixels: np.ndarray, predictions: pd.DataFrame) -> None:
    response = requests.post(url, json={"inputs": pixels.tolist()}, timeout=60)
    assert_answers(response.json()["predictions"], predictions)


BLANK = [0] * 64


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda image: [(image / 16).tolist()], "whole numbers from 0 to 16, not normalised"),
        (lambda image: [(image * 16).tolist()], "The pixels go from 0 to 256"),
        (lambda image: [(image - 1).tolist()], "The pixels go from -1 to 15"),
        (lambda image: [image.tolist(), BLANK], "An image is all dark"),
        (lambda image: [[None, *image.tolist()[1:]]], "not 'NoneType'"),
        (lambda image: [["seven", *image.tolist()[1:]]], "'seven'"),
        (lambda image: [image.tolist()[:60]], "Shape of input (1, 60) does not match expected shape (-1, 64)"),
        (lambda image: [image.reshape(8, 8).tolist()], "Shape of input (1, 8, 8)"),
        (lambda image: image.tolist(), "Shape of input (64,)"),
        (lambda image: [image.tolist(), image.tolist()[:3]], "inhomogeneous shape"),
        (lambda image: [[] for _ in image], "Shape of input (64, 0)"),
    ],
)
def test_an_invalid_image_gets_a_400_that_says_why(url: str, pixels: np.ndarray, wrong, sentence: str) -> None:
    response = requests.post(url, json={"inputs": wrong(pixels[0])}, timeout=60)
    assert response.status_code == 400
    assert sentence in response.json()["message"]


def test_a_csv_of_pixels_is_classified(swept: Project, pixels: np.ndarray, predictions: pd.DataFrame) -> None:
    table = pd.DataFrame(pixels, columns=[f"pixel{place}" for place in range(64)])
    table.to_csv(swept.root / "images.csv", index=False)
    predict = ("mlflow", "models", "predict", "-m", URI, "--env-manager", "local", "-t", "csv")
    swept.ok(*predict, "-i", "images.csv", "-o", "answers.json")
    assert_answers(json.loads(swept.read("answers.json"))["predictions"], predictions)


def test_a_served_network_predicts_what_the_pipeline_does(tmp_path: Path) -> None:
    import mlflow.pyfunc

    random = np.random.default_rng(0)
    images = random.integers(0, 255, (50, 784), dtype=np.uint8, endpoint=True)
    sizes = [(784, 20), (20, 15), (15, 10)]
    network = tuple(Layer(random.normal(0, 0.3, size), random.normal(0, 0.3, size[1])) for size in sizes)
    affine = standard(images)
    arrays = {f"{name}{depth}": v for depth, layer in enumerate(network, 1) for name, v in layer._asdict().items()}
    save_arrays(arrays, tmp_path / WEIGHTS)
    save_arrays(affine._asdict(), tmp_path / NORMALISATION)
    save_arrays({"pixels": images[:1], "brightest": np.array(255)}, tmp_path / EXAMPLE)
    save_served_model(tmp_path, tmp_path / "served")

    answers = pd.DataFrame(mlflow.pyfunc.load_model(str(tmp_path / "served")).predict(images.astype(int)))
    probabilities = np.exp(log_softmax(forward(network, affine.apply(images, "float64"))[-1]))
    assert answers.digit.to_list() == probabilities.argmax(axis=1).tolist()
    np.testing.assert_allclose(answers.probability, probabilities.max(axis=1), rtol=1e-12)
