"""What a new user gets: a fresh clone, `dvc repro`, and a network trained, evaluated and tracked."""

import json
import math
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import requests
import yaml
from browser import served_ui
from conftest import CHECKOUT, Project, copied
from threadpoolctl import threadpool_info

from pipeline.figures.evaluation import HEADING_HEIGHT

METRICS_BY_STEP = ["loss", "accuracy", "validation_loss", "validation_accuracy"]
PICTURES = ["confident_mistakes", "confusion_matrix", "first_layer_weights", "learning_curve", "vital_signs"]
ANY_NAME = """-a b'q'"q"é中&=+,:;[$%20%?#"""  # all that a folder's name can have, but for braces: DVC formats it
BUILT_WITH = "SkylakeX"  # the OpenBLAS kernels that made the committed dvc.lock


@pytest.fixture(scope="module")
def fresh(template: Project) -> Project:
    return template


@pytest.fixture(scope="module")
def run(fresh: Project):
    [run] = fresh.tracked_runs()
    return run


def test_repro_leaves_tracked_files_unchanged(fresh: Project) -> None:
    changed = fresh.git_status()
    architectures = {library.get("architecture") for library in threadpool_info()}
    if BUILT_WITH in architectures:
        assert changed == ""
    else:  # other kernels round the last bits differently, so the weights have other checksums
        assert set(changed.split()) <= {"M", "dvc.lock", "report/metrics.json"}


def test_stages_without_blas_have_the_committed_checksums(fresh: Project) -> None:
    committed = yaml.safe_load((CHECKOUT / "dvc.lock").read_text())["stages"]
    made = yaml.safe_load(fresh.read("dvc.lock"))["stages"]
    for stage in ("config", "source", "download", "normalise"):
        assert made[stage] == committed[stage]


def test_a_second_repro_has_nothing_to_do(fresh: Project) -> None:
    assert "Data and pipelines are up to date" in fresh.ok("dvc", "repro")


def test_the_stages_form_one_path(fresh: Project) -> None:
    graph = fresh.ok("dvc", "dag", "--dot")
    edges = {tuple(end.strip().strip('";') for end in line.split("->")) for line in graph.splitlines() if "->" in line}
    path = ["config", "source", "download", "data.dvc", "normalise", "train", "evaluate"]
    assert {*pairwise(path)} <= edges
    assert {end for edge in edges for end in edge} == set(path)


def test_the_network_recognises_the_test_images(fresh: Project) -> None:
    assert json.loads(fresh.read("report/metrics.json"))["test_accuracy"] >= 0.95


def test_metrics_cover_every_part_and_the_recall_of_every_class(fresh: Project) -> None:
    parts = {f"{part}_{quantity}" for part in ("train", "validation", "test") for quantity in ("accuracy", "loss")}
    assert set(json.loads(fresh.read("report/metrics.json"))) == parts
    assert set(json.loads(fresh.read("report/recall.json"))) == {f"recall_{digit}" for digit in range(10)}


def test_predictions_and_metrics_agree(fresh: Project) -> None:
    predictions = pd.read_csv(fresh.root / "report/predictions.csv")
    metrics, recall = (json.loads(fresh.read(f"report/{name}.json")) for name in ("metrics", "recall"))
    right = predictions.actual == predictions.predicted
    assert metrics["test_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    for digit in range(10):
        assert recall[f"recall_{digit}"] == pytest.approx(right[predictions.actual == digit].mean(), abs=1e-6)
    assert predictions.confidence.between(0.1, 1).all()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_not_blank(fresh: Project, name: str) -> None:
    from matplotlib.image import imread

    picture = imread(fresh.root / f"report/{name}.png")
    assert picture.shape[1] > 500
    assert picture[..., :3].std() > 0.02


def test_a_picture_has_a_line_above_it_that_names_the_training(fresh: Project) -> None:
    from matplotlib.image import imread

    height, width, _ = imread(fresh.root / "report/learning_curve.png").shape
    assert height / width == pytest.approx((4 + HEADING_HEIGHT) / 10, abs=0.002)


def test_weights_are_plain_arrays_of_the_network(fresh: Project) -> None:
    with np.load(fresh.root / "model/weights.npz", allow_pickle=False) as weights:
        shapes = {name: weights[name].shape for name in weights.files}
        assert all(weights[name].dtype == np.float64 for name in weights.files)
    assert shapes == {"weights1": (64, 20), "bias1": (20,), "weights2": (20, 10), "bias2": (10,)}


def test_the_run_is_finished_and_named_after_its_settings(run) -> None:
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "he α=0.3 · 500"


def test_params_are_the_settings_as_typed(run) -> None:
    assert run.data.params == {
        "dataset": "digits",
        "normalise": "standard",
        "alpha": "0.3",
        "log10_alpha": "-0.523",
        "init": "he",
        "init_scale": "0.01",
        "iterations": "500",
        "hidden": "[20]",
        "reduction": "mean",
        "batch_size": "null",
        "precision": "portable",
        "seed": "0",
        "fault": "null",
    }


@pytest.mark.parametrize("metric", METRICS_BY_STEP)
def test_metrics_by_step_match_the_history(fresh: Project, run, metric: str) -> None:
    history = pd.read_csv(fresh.root / "model/history.csv")
    logged = sorted(fresh.store().get_metric_history(run.info.run_id, metric), key=lambda point: point.step)
    assert [point.step for point in logged] == history.iteration.tolist()
    assert [point.value for point in logged] == pytest.approx(history[metric].tolist(), rel=1e-12)


def test_the_evaluation_is_logged_once_to_the_trainings_run(fresh: Project, run) -> None:
    metrics = json.loads(fresh.read("report/metrics.json")) | json.loads(fresh.read("report/recall.json"))
    for name in set(metrics) - set(METRICS_BY_STEP):
        points = fresh.store().get_metric_history(run.info.run_id, name)
        assert [(point.step, point.value) for point in points] == [(500, metrics[name])]


def test_every_logged_number_is_finite(run) -> None:
    assert all(math.isfinite(value) for value in run.data.metrics.values())


def test_the_dataset_is_an_input_with_the_checksum_in_data_dvc(fresh: Project, run) -> None:
    [used] = run.inputs.dataset_inputs
    assert used.dataset.name == "digits"
    assert used.dataset.digest == yaml.safe_load(fresh.read("data.dvc"))["outs"][0]["md5"]


def test_model_and_report_are_artefacts(fresh: Project, run) -> None:
    client = fresh.store()
    names = {file.path for folder in ("model", "report") for file in client.list_artifacts(run.info.run_id, folder)}
    assert names == {
        *(f"model/{name}" for name in ("config.json", "data.json", "diagnosis.json", "weights.npz")),
        *(f"model/{name}" for name in ("example.npz", "history.csv", "normalisation.npz", "vitals.csv")),
        *(f"report/{name}.png" for name in PICTURES),
        "report/diagnosis.md",
        "report/metrics.json",
        "report/predictions.csv",
        "report/recall.json",
    }


def test_tags_record_the_runs_provenance(fresh: Project, run) -> None:
    tags = run.data.tags
    assert tags["git_commit"] == fresh.ok("git", "rev-parse", "HEAD").strip()
    assert tags["git_dirty"] == "false"
    assert tags["data_md5"] == yaml.safe_load(fresh.read("data.dvc"))["outs"][0]["md5"]
    assert tags["command"] == "dvc repro"
    assert tags["dvc_exp_name"] == ""
    assert (tags["outcome"], tags["cause"]) == ("converged", "none")
    assert len(tags["model_sha256"]) == 64


def test_a_folder_of_any_name_has_a_store_a_sweep_and_a_ui(fresh: Project, tmp_path) -> None:
    project = copied(fresh, tmp_path / ANY_NAME)
    (project.root / "mlflow.db").unlink()  # it holds the other folder's path
    shutil.rmtree(project.root / "mlartifacts")
    project.ok("dvc", "repro", "--force", "--single-item", "config")
    project.ok("python", "-m", "pipeline.sweep", "alpha=0.1,0.3", "iterations=20")
    with served_ui(project) as links:
        server, _, sweep = links.sweep.partition("/#/experiments/1/runs/")
        picture = {"path": "accuracy.png", "run_uuid": sweep.partition("/artifacts/")[0]}
        served = requests.get(f"{server}/get-artifact", picture, timeout=60).content
    [comparison] = project.root.glob("multirun/*/comparison")
    assert served == (comparison / "accuracy.png").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} <= {ANY_NAME, "dvc-site-cache"}
