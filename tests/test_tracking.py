"""Whatever happens to a training or to the store: a run for each training, in the right state, and nothing twice."""

import json
import signal
from math import isfinite

import pytest
from conftest import Project, wait_for_a_running_run

from pipeline.tracking.publisher import required_store

WATCHED_AT_ONCE = (
    "python",
    "-c",
    "import runpy; from pipeline.tracking import live; live.SECONDS_BETWEEN_BATCHES = 0; "
    "runpy.run_module('pipeline.train', run_name='__main__')",
)
CONNECT = (
    "python",
    "-c",
    "from pipeline.tracking.publisher import required_store; required_store()",
)  # as every stage and sweep does
REFUSING_TRAININGS = (
    "import runpy, sys; from unittest.mock import Mock; from mlflow.exceptions import MlflowException; "
    "from pipeline.tracking.store import Store; "
    "Store.log_data = Mock(side_effect=MlflowException.invalid_parameter_value('too many')); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)  # as a store that will never take a result


@pytest.fixture
def endless(reproduced: Project):
    """Settings of a training that would take hours."""
    before = reproduced.read("params.yaml")
    reproduced.edit("params.yaml", "iterations: 500", "iterations: 10000000")
    yield reproduced
    reproduced.write("params.yaml", before)


def test_an_interrupted_training_is_marked_killed_and_keeps_its_history(endless: Project) -> None:
    training = endless.start(*WATCHED_AT_ONCE)
    run_id = wait_for_a_running_run(endless)
    training.send_signal(signal.SIGINT)
    printed, _ = training.communicate(timeout=60)
    assert training.returncode == 130
    assert "Traceback" not in printed
    run = endless.store().get_run(run_id)
    assert run.info.status == "KILLED"
    assert "loss" in run.data.metrics
    assert (endless.root / "model/weights.npz").exists()


def test_the_run_of_a_killed_training_is_closed_by_the_next_process(endless: Project) -> None:
    training = endless.start(*WATCHED_AT_ONCE)
    run_id = wait_for_a_running_run(endless)
    training.kill()
    training.communicate()
    endless.ok(*CONNECT)
    assert endless.store().get_run(run_id).info.status == "KILLED"


def test_a_crashed_training_is_marked_failed(reproduced: Project) -> None:
    crash = "from pipeline.training import tracked; tracked.fit = None; from pipeline.train import main; main()"
    assert reproduced.run("python", "-c", crash).returncode != 0
    assert reproduced.tracked_runs()[-1].info.status == "FAILED"


def test_evaluating_again_makes_the_same_bytes_and_adds_nothing(reproduced: Project) -> None:
    before, lock = reproduced.tracked_runs(), reproduced.read("dvc.lock")
    reproduced.ok("dvc", "repro", "--force", "--single-item", "evaluate")
    after = reproduced.tracked_runs()
    assert [run.info.run_id for run in after] == [run.info.run_id for run in before]
    [finished] = [run for run in after if run.info.status == "FINISHED"]
    assert len(reproduced.store().get_metric_history(finished.info.run_id, "test_accuracy")) == 1
    assert len(finished.outputs.model_outputs) == 1
    assert len(reproduced.store().search_logged_models([finished.info.experiment_id])) == 1
    assert reproduced.read("dvc.lock") == lock


def test_several_processes_can_create_a_store_at_once(reproduced: Project) -> None:
    new = f"sqlite:///{reproduced.root / 'new.db'}"
    processes = [reproduced.start(*CONNECT, MLFLOW_TRACKING_URI=new) for _ in range(2)]
    assert [(process.communicate()[0], process.returncode) for process in processes] == [("", 0)] * 2
    assert [experiment.name for experiment in reproduced.store("new.db").search_experiments()].count("numpy-mlp") == 1


def test_a_store_without_the_run_gets_it_from_its_directory(reproduced: Project) -> None:
    [known] = reproduced.tracked_runs("attributes.status = 'FINISHED'")
    new = f"sqlite:///{reproduced.root / 'new.db'}"
    reproduced.ok("python", "-m", "pipeline.evaluate", MLFLOW_TRACKING_URI=new)
    [published] = reproduced.tracked_runs(store="new.db")
    assert published.info.status == "FINISHED"
    assert published.data.params == known.data.params
    assert published.data.metrics == known.data.metrics
    for tag in ("kept_id", "command", "model_sha256", "data_md5", "outcome", "cause"):
        assert published.data.tags[tag] == known.data.tags[tag]
    client = reproduced.store("new.db")
    assert len(client.get_metric_history(published.info.run_id, "loss")) == 141
    assert [used.dataset.name for used in published.inputs.dataset_inputs] == ["digits"]
    assert client.list_artifacts(published.info.run_id, "model")


def test_what_mlflow_refuses_for_good_is_not_said_to_be_there(reproduced: Project) -> None:
    new = f"sqlite:///{reproduced.root / 'refusing.db'}"
    printed = reproduced.ok("python", "-c", REFUSING_TRAININGS, "pipeline.evaluate", MLFLOW_TRACKING_URI=new)
    assert "not published: MLflow refuses runs/" in printed
    assert "in the model's run" not in printed
    assert "metrics and pictures are in report/ but not in MLflow, for the reason above" in printed

    for launcher in ("stacked", "basic"):
        sweep = ("pipeline.sweep", "init=he,zeros", "iterations=1", f"hydra/launcher={launcher}")
        printed = reproduced.ok("python", "-c", REFUSING_TRAININGS, *sweep, MLFLOW_TRACKING_URI=new)
        assert "not published: MLflow refuses multirun/" in printed
        assert "Every point is in MLflow" not in printed
        assert "Not everything is in MLflow, for the reasons above" in printed

    rebuild = ("pipeline.track", "rebuild")
    printed = reproduced.ok("python", "-c", REFUSING_TRAININGS, *rebuild, MLFLOW_TRACKING_URI=new)
    assert printed.count("not published: MLflow refuses runs/") > 1  # from runs/ itself, and from DVC


def test_a_network_that_is_never_finite_is_a_result_too(reproduced: Project) -> None:
    reproduced.edit("params.yaml", "init: he", "init: normal")
    reproduced.edit("params.yaml", "init_scale: 0.01", "init_scale: 10")
    reproduced.edit("params.yaml", "hidden:\n- 20\n", "hidden:\n" + 200 * "- 50\n")
    assert "cause: weights_too_large" in reproduced.ok("python", "-m", "pipeline.train")
    reproduced.ok("python", "-m", "pipeline.evaluate")
    [*_, run] = reproduced.tracked_runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags["outcome"] == "diverged"
    assert "test_accuracy" in run.data.metrics
    assert all(abs(value) < 1e300 for value in run.data.metrics.values())
    assert all(map(isfinite, json.loads(reproduced.read("model/diagnosis.json"))["evidence"].values()))
    for name in ("model/history.csv", "report/metrics.json", "report/predictions.csv"):
        assert "nan" not in reproduced.read(name).lower()
        assert "inf" not in reproduced.read(name).lower()


def test_a_deleted_experiment_is_restored(reproduced: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(reproduced.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = reproduced.store()
    store.delete_experiment(store.get_experiment_by_name("numpy-mlp").experiment_id)
    required_store()
    assert store.get_experiment_by_name("numpy-mlp").lifecycle_stage == "active"


def test_an_unusable_store_is_reported_without_its_password(reproduced: Project) -> None:
    uri = "nosuch://user:secret@localhost/store"
    printed = reproduced.fails("python", "-m", "pipeline.train", MLFLOW_TRACKING_URI=uri)
    assert "MLFLOW_TRACKING_URI" in printed
    assert "secret" not in printed
