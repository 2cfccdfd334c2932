"""MLflow is filled from directories: everything once, however often, whatever happened in between."""

import json
import math
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from unittest.mock import Mock
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest

from pipeline.console.errors import UserError
from pipeline.core.diagnosis.diagnosis import Diagnosed, Diagnosis
from pipeline.core.network import Layer
from pipeline.core.normalisation import METHODS
from pipeline.core.training import Record, Training
from pipeline.files.dataset import PARTS, About, Dataset, Part
from pipeline.files.model import Model, fingerprint, load_model, save_model
from pipeline.kept.directories import (
    KeptSweep,
    KeptTraining,
    keep,
    kept_trainings,
    new_id,
    read_training,
    write,
)
from pipeline.kept.evaluations import add_report, kept_training_of
from pipeline.kept.process import owner
from pipeline.settings.naming import USUAL
from pipeline.settings.typed import as_typed
from pipeline.tracking import unpublished
from pipeline.tracking.address import store_file, store_uri
from pipeline.tracking.champion import newest_finished_sweep
from pipeline.tracking.completion import publish_what_is_kept
from pipeline.tracking.live import LiveTraining
from pipeline.tracking.publisher import Publisher, close_abandoned_runs, publish, required_store
from pipeline.tracking.store import Store
from pipeline.tracking.sweeps import finished_models, resumed
from pipeline.tracking.trainings import run_of
from pipeline.ui import print_links

CONFIG = {**USUAL, "alpha": 0.5, "init": "he", "iterations": 1, "hidden": [2]}
ABOUT = About({"dataset": {"name": "digits"}, "normalise": "unit"}, "0f.dir", image_shape=(2, 2), classes=2)
IMAGES = Part(np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.uint8), np.array([0, 1], np.uint8))
DATASET = Dataset(dict.fromkeys(PARTS, IMAGES), METHODS["unit"](IMAGES.pixels), ABOUT)
HISTORY = [Record(0, 2.0, 0.1, 2.5, 0.1), Record(1, 1.0, 0.6, 1.5, 0.5)]
TIMES = [1000.5, 1001.5]
ANY_NAME = """-a b'q'"q"é中&=+,:;[{$}%20%?#${oc.env:HOME}"""  # of a project's folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store, which takes seconds to be made."""
    root = tmp_path_factory.mktemp("empty") / ANY_NAME
    root.mkdir()
    with pytest.MonkeyPatch.context() as once:
        once.setenv("DVC_ROOT", str(root))
        once.delenv("MLFLOW_TRACKING_URI", raising=False)
        required_store()
    return root / "mlflow.db"


@pytest.fixture
def store(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of an empty project."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty, tmp_path)
    return required_store()


def save_small_model(directory: Path) -> None:
    directory.mkdir(parents=True)
    network = (Layer(np.ones((4, 2)), np.zeros(2)), Layer(np.ones((2, 2)), np.zeros(2)))
    diagnosis = Diagnosis("still learning", "alpha_too_small", 1, "It is slow.", "More.", {"loss": 1.0}, {"alpha": 2})
    save_model(Diagnosed(Training(network, HISTORY, [], False, 1), diagnosis), CONFIG, DATASET, directory)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20])


def no_text(file: Path) -> None:
    file.write_bytes(b"\xff\x00" * 20)


def a_pipe(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def a_directory(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()


def a_link_to_nothing(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to("nowhere")


def no_tags(file: Path) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tags": {}}))


def a_folder_that_is_a_file(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_text("mine")


DAMAGES = [cut, no_text, a_pipe, a_directory, a_link_to_nothing]


def kept_training(tmp_path: Path, started: float = 1000.0, **changes: object) -> Path:
    """The directory of a training."""
    model, report = tmp_path / "work/model", tmp_path / "work/report"
    if not model.exists():
        save_small_model(model)
        report.mkdir()
        (report / "metrics.json").write_text(json.dumps({"test_accuracy": 0.75, "validation_accuracy": 0.5}))
    tags = {"command": "dvc repro", "dvc_exp_name": "", "data_md5": "0f.dir", "model_sha256": fingerprint(model)}
    training = KeptTraining(new_id(), started, 1002.0, tags, TIMES)
    directory = keep(replace(training, **changes), {"model": model}, {"packages.txt": b"numpy==2"})
    add_report(directory, report, 1003.0)
    return directory


def assert_is_whole(store: Store, run_id: str) -> None:
    """A run has all that is kept of the training, once."""
    run = store.run(run_id)
    assert (run.info.run_name, run.info.status) == ("he α=0.5 · 1 · hidden 2", "FINISHED")
    assert (run.info.start_time, run.info.end_time) == (1_000_000, 1_002_000)
    assert run.data.params == {name: as_typed(value) for name, value in CONFIG.items()} | {"log10_alpha": "-0.301"}
    for tag, value in {"command": "dvc repro", "outcome": "still learning", "prescription.alpha": "2"}.items():
        assert run.data.tags[tag] == value
    assert points(store, run_id, "loss") == [(0, 1_000_500, 2.0), (1, 1_001_500, 1.0)]
    assert points(store, run_id, "final_validation_accuracy") == [(1, 1_002_000, 0.5)]
    assert points(store, run_id, "test_accuracy") == [(1, 1_003_000, 0.75)]
    assert [(used.dataset.name, used.dataset.digest) for used in run.inputs.dataset_inputs] == [("digits", "0f.dir")]
    folders = [store.client.list_artifacts(run_id, folder) for folder in ("model", "report", "provenance")]
    files = {file.path for folder in folders for file in folder}
    assert {"model/weights.npz", "report/metrics.json", "report/diagnosis.md", "provenance/packages.txt"} <= files
    assert len(run.outputs.model_outputs) == 1


def points(store: Store, run: str, metric: str) -> list[tuple[int, int, float]]:
    return sorted((point.step, point.timestamp, point.value) for point in store.client.get_metric_history(run, metric))


def test_a_training_is_published_as_a_complete_run(store: Store, tmp_path: Path) -> None:
    assert_is_whole(store, publish(store, kept_training(tmp_path)))


def test_a_project_can_have_any_name(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / ANY_NAME
    root.mkdir()
    shutil.copy(empty, root)
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = required_store()
    run = publish(store, kept_training(root))
    assert_is_whole(store, run)
    saved = store.client.download_artifacts(run, "report/metrics.json", str(root))
    assert json.loads(Path(saved).read_text())["test_accuracy"] == 0.75
    assert (empty.parent / f"mlartifacts/{run}/artifacts/report/metrics.json").exists()  # where that store was made
    assert [*tmp_path.iterdir(), *empty.parent.parent.iterdir()] == [root, empty.parent]


@pytest.mark.parametrize(
    ("address", "file", "as_sqlalchemy_has_it"),
    [
        ("sqlite:///mine.db", "mine.db", "{}/mine.db"),
        ("sqlite:///my%20store.db", "my store.db", "{}/my store.db"),
        ("sqlite:///half%25.db", "half%.db", "{}/half%25.db"),
        ("sqlite:///some file?.db", "some file", "{}/some file?.db"),
        ("sqlite:////elsewhere/mine.db?timeout=5", "/elsewhere/mine.db", "/elsewhere/mine.db?timeout=5"),
    ],
)
def test_an_address_means_what_sqlalchemy_takes_it_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, file: str, as_sqlalchemy_has_it: str
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store_file() == tmp_path / file
    assert store_uri() == f"sqlite+pysqlite:///{as_sqlalchemy_has_it.format(tmp_path)}"


def test_a_linked_project_has_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "project")
    addresses = []
    for name in ("project", "link"):
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / name))
        addresses.append((store_uri(), unpublished.list_file()))
    assert addresses[0] == addresses[1]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, in bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_store_on_a_full_disk_stops_nothing(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = kept_training(tmp_path)
    with files_of_at_most(300_000):  # less than the store has
        assert Publisher().publish(directory) is None
        with pytest.raises(OSError, match=r"disk I/O error.*mlflow\.db"):
            required_store()
    said = capsys.readouterr().err
    assert f"MLflow's store {tmp_path}/mlflow.db failed ((sqlite3.OperationalError) disk I/O error)" in said
    assert "Traceback" not in said
    assert unpublished.listed() == [directory]
    [run] = required_store().search("")
    assert_is_whole(store, run.info.run_id)


@pytest.mark.parametrize("damage", [no_text, a_pipe, a_directory])
def test_what_is_no_store_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    damage(tmp_path / "mlflow.db")
    began = time.monotonic()
    with pytest.raises(UserError, match=r"mlflow\.db .*move it away"):
        required_store()
    assert time.monotonic() - began < 60  # MLflow would try for two minutes


def test_publishing_again_adds_nothing(store: Store, tmp_path: Path) -> None:
    directory = kept_training(tmp_path)
    run = publish(store, directory)
    assert publish(store, directory) == run
    assert_is_whole(store, run)
    assert len(store.search("")) == 1


def test_a_run_logged_live_is_completed(store: Store, tmp_path: Path) -> None:
    directory = kept_training(tmp_path)
    training = read_training(directory)
    sent = [(HISTORY[0], TIMES[0])]
    live = LiveTraining(Publisher(), training.id, training.tags, CONFIG, training.started, unsent=sent)
    live.send(store)
    assert store.run(live.run).info.status == "RUNNING"
    assert store.run(live.run).data.params["log10_alpha"] == "-0.301"
    assert publish(store, directory) == live.run
    assert_is_whole(store, live.run)


def test_deleting_a_run_while_it_trains_does_not_stop_the_training(store: Store) -> None:
    live = LiveTraining(Publisher(), new_id(), {}, CONFIG, unsent=[(HISTORY[0], TIMES[0])])
    live.send(store)
    store.delete(live.run)
    live.sent = 0.0
    live.log(HISTORY[1])
    assert live.times
    assert store.search("") == []


def test_a_run_left_incomplete_by_a_failing_store_is_completed_by_the_next_process(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = kept_training(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(Store, "log_files", lambda *_: raise_os_error())
        assert Publisher().publish(directory) is None
    said = capsys.readouterr().err
    assert said.count(f"MLflow's store {tmp_path}/mlflow.db failed (no more)") == 1
    assert "Continuing without it" in said
    assert unpublished.listed() == [directory]
    assert store.search("")[0].info.status == "RUNNING"

    required_store()
    assert unpublished.listed() == []
    [run] = store.search("")
    assert_is_whole(store, run.info.run_id)
    assert "MLflow's store now has what was listed" in capsys.readouterr().err


def raise_os_error() -> None:
    raise OSError("no more")


def test_an_unreachable_store_is_not_retried_at_once(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Publisher()
    asked = []
    assert publisher.attempt(lambda _: raise_os_error()) is None
    assert publisher.attempt(asked.append) is None
    assert asked == []
    monkeypatch.setattr("pipeline.tracking.publisher.SECONDS_BETWEEN_ATTEMPTS", 0)
    assert publisher.publish(kept_training(tmp_path))
    assert publisher.unreachable_since is None
    assert len(store.search("")) == 1


def test_an_unreadable_directory_is_reported_and_does_not_stop_the_rest(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole = kept_training(tmp_path), kept_training(tmp_path, started=1001.0)
    (broken / "model/history.csv").write_bytes(b"")
    gone = tmp_path / "runs/gone"
    for directory in (broken, gone, whole):
        unpublished.add(directory)
    required_store()
    said = capsys.readouterr().err
    assert f"not published: {broken}/model/history.csv is damaged" in said
    assert f"not published: {gone}/ can't be read" in said
    assert broken.exists()
    assert unpublished.listed() == []
    assert len(store.search("tags.model_sha256 != ''")) == 1


@pytest.mark.parametrize("damage", [*DAMAGES, a_folder_that_is_a_file])
def test_a_damaged_list_is_set_aside_and_stops_nothing(
    tmp_path: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    unpublished.add(tmp_path / "runs/2026-01-01")
    damage(unpublished.list_file())
    unpublished.add(tmp_path / "runs/2026-01-02")
    assert unpublished.listed()[-1] == tmp_path / "runs/2026-01-02"
    if damage not in (cut, a_link_to_nothing):  # a part of a name is a name, and nothing is an empty list
        assert "can't be read as a list of what is unpublished: renamed to " in capsys.readouterr().err
        assert list(tmp_path.glob("unpublished*/*.broken")) or (tmp_path / "unpublished.broken").read_text() == "mine"


def test_damaged_records_stop_nothing(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = []
    for number, damage in enumerate([*DAMAGES, no_tags]):
        training = kept_training(tmp_path, started=float(number))
        sweep = kept_sweep(tmp_path, f"sweep {number}", "KILLED", 2000.0)
        damage(training / "run.json")
        damage(sweep / "sweep.json")
        broken += [training, sweep]
    (tmp_path / "runs/a file").write_text("mine")
    for directory in broken:
        unpublished.add(directory)
    whole = kept_training(tmp_path, started=1001.0)
    assert Publisher().publish(whole)
    said = capsys.readouterr().err
    for directory in broken:
        assert f"not published: {directory}/ can't be read" in said
    assert unpublished.listed() == []
    publish_what_is_kept(store)
    assert len(store.search("")) == 1
    assert whole in [directory for directory, _ in kept_trainings()]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"started": "soon"}, "started: Input should be a valid number"),
        ({"started": math.nan}, "started: Input should be a finite number"),
        ({"tags": ["a"]}, "tags: Input should be a valid dictionary"),
        ({"more": 1}, "more: Unexpected keyword argument"),
    ],
)
def test_a_record_that_makes_no_sense_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], why: str
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    directory = kept_training(tmp_path)
    record = directory / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | change))
    with pytest.raises(UserError, match=f"^{re.escape(str(directory))}/ can't be read .{why}") as found:
        read_training(directory)
    assert len(str(found.value).splitlines()) == 1
    assert kept_training_of(load_model(directory / "model"), "") is None


def test_a_file_that_a_record_needs_is_named_and_stops_nothing(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole = kept_training(tmp_path), kept_training(tmp_path, started=1001.0)
    for path in (broken / "report/metrics.json", broken / "model/vitals.csv"):
        path.unlink()
        path.mkdir()
    unpublished.add(broken)
    assert Publisher().publish(whole)
    said = capsys.readouterr().err
    assert f"not published: {broken}/model/vitals.csv is not a file" in said
    assert "now has" not in said
    assert Publisher().publish(broken) is False
    assert len(store.search("tags.model_sha256 != ''")) == 1


def test_after_a_refusal_the_store_has_the_rest_of_the_list(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole, new = (kept_training(tmp_path, started=started) for started in (1000.0, 1001.0, 1002.0))
    change_setting(broken / "model")
    for directory in (broken, whole):
        unpublished.add(directory)
    assert Publisher().publish(new)
    assert "MLflow's store now has the rest of what was listed in unpublished/." in capsys.readouterr().err
    assert len(store.search("tags.model_sha256 != ''")) == 2


def test_what_another_process_took_off_the_list_is_not_said_to_be_published_unless_it_is(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = kept_training(tmp_path), kept_training(tmp_path, started=1001.0)
    change_setting(broken / "model")
    publish(store, whole)
    monkeypatch.setattr(unpublished, "add", lambda _: None)  # as if it was taken off the list at once
    assert Publisher().publish(whole) is True
    assert Publisher().publish(broken) is False
    assert len(store.search("tags.model_sha256 != ''")) == 1


def test_a_model_that_was_changed_is_not_published(store: Store, tmp_path: Path) -> None:
    directory = kept_training(tmp_path)
    change_setting(directory / "model")
    with pytest.raises(UserError, match=f"the model in {directory}/ was changed"):
        publish(store, directory)
    assert store.search("") == []


def test_a_finished_point_whose_model_was_changed_or_lost_is_not_used(store: Store, tmp_path: Path) -> None:
    tags = read_training(kept_training(tmp_path)).tags | {"key": "k"}
    run = store.run(publish(store, kept_training(tmp_path, 1001, tags=tags)))
    assert finished_models(store, ["k"])["k"].sha256 == run.data.tags["model_sha256"]
    model = Path(url2pathname(urlsplit(run.info.artifact_uri).path)) / "model"
    change_setting(model)
    with pytest.raises(UserError, match=f"the model of MLflow's run {run.info.run_id} was changed"):
        finished_models(store, ["k"])
    shutil.rmtree(model)
    with pytest.raises(UserError, match=f"MLflow's run {run.info.run_id} has no artefact model .*: delete the run, or"):
        finished_models(store, ["k"])


def change_setting(model: Path) -> None:
    config = model / "config.json"
    config.write_text(config.read_text().replace("0.5", "0.6"))


def test_each_store_has_its_own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    unpublished.add(tmp_path / "runs/here")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:password@localhost:1")
    assert unpublished.listed() == []
    unpublished.add(tmp_path / "runs/there")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    assert unpublished.listed() == [tmp_path / "runs/there"]


def test_a_deleted_run_is_not_brought_back(store: Store, tmp_path: Path) -> None:
    directory = kept_training(tmp_path)
    store.delete(publish(store, directory))
    publish(store, directory)
    assert store.search("") == []


def test_a_point_is_published_once_unless_retrained_on_purpose(store: Store, tmp_path: Path) -> None:
    tags = read_training(kept_training(tmp_path)).tags | {"key": "k"}
    one, same = (kept_training(tmp_path, started, tags=tags) for started in (1001, 1002))
    again = kept_training(tmp_path, 1003, tags=tags, repeats=True)
    assert publish(store, one) == publish(store, same)
    assert publish(store, again) != publish(store, one)


def test_a_filled_in_result_is_matched_to_its_run_by_model(store: Store, tmp_path: Path) -> None:
    trained = kept_training(tmp_path)
    tags = read_training(trained).tags
    run = publish(store, trained)
    filled_in = kept_training(tmp_path, started=1001.0, tags=tags | {"filled_in": "true", "dvc_exp_name": "it's"})
    assert publish(store, filled_in) == run
    assert_is_whole(store, run)


def test_an_apostrophe_in_an_experiments_name_does_no_harm(store: Store) -> None:
    tags = {"dvc_exp_name": "it's", "model_sha256": "ab", "data_md5": "0f.dir"}
    run = store.create("training", tags, 1000.0)
    model = Model(None, None, {}, ABOUT, "ab")
    for name in ("it's", "another"):
        training = KeptTraining(new_id(), 0, 0, {"filled_in": "true", "dvc_exp_name": name})
        assert run_of(store, training, model).info.run_id == run


def test_a_missing_run_is_reported(store: Store) -> None:
    with pytest.raises(UserError, match="MLflow has no run nosuch"):
        store.run("nosuch")


def test_a_run_is_closed_only_once_its_process_is_gone(store: Store) -> None:
    long_ago = store.create("going on", owner(), 1000.0)
    gone = store.create("gone", owner() | {"pid_since": "1000.0"}, 1000.0)
    close_abandoned_runs(store)
    assert store.run(long_ago).info.status == "RUNNING"
    assert store.run(gone).info.status == "KILLED"


def kept_sweep(tmp_path: Path, name: str, status: str, ended: float | None, **tags: str) -> Path:
    directory = tmp_path / "multirun" / name
    (directory / "provenance").mkdir(parents=True)
    sweep = KeptSweep(new_id(), "sweep", 1000.0, status, owner() | {"sweep_key": "k"} | tags, {"alpha": "0.1"}, ended)
    write(sweep, directory)
    return directory


def test_a_sweep_running_in_another_process_is_not_resumed(store: Store, tmp_path: Path) -> None:
    running = kept_sweep(tmp_path, "running", "RUNNING", None)
    publish(store, running)
    assert resumed(store, "k") is None
    over = kept_sweep(tmp_path, "over", "KILLED", 2000.0)
    publish(store, over)
    kept_id, started = resumed(store, "k")
    assert (store.with_id(kept_id).info.run_id, started) == (publish(store, over), 1000.0)


def test_a_sweep_whose_publication_was_killed_is_completed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = kept_sweep(tmp_path, "over", "FINISHED", 2000.0, pid_since="1000.0")
    (over / "provenance/packages.txt").write_text("numpy")
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(store, "log_files", Mock(side_effect=KeyboardInterrupt))
        publish(store, over)
    close_abandoned_runs(store)
    run = publish(store, over)
    assert [found.info.run_id for found in store.search("")] == [run]
    assert store.run(run).info.status == "FINISHED"
    assert store.run(run).data.params == {"alpha": "0.1"}
    assert [file.path for file in store.client.list_artifacts(run, "provenance")] == ["provenance/packages.txt"]


def test_a_run_that_was_made_twice_because_an_answer_was_lost_is_there_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = store.client.create_run
    monkeypatch.setattr("pipeline.tracking.store.is_a_server", lambda _: True)
    monkeypatch.setattr(store.client, "create_run", lambda *how: [create(*how), create(*how)][1])
    directory = kept_training(tmp_path)
    run = publish(store, directory)
    assert [found.info.run_id for found in store.search("")] == [run]
    assert publish(store, directory) == run


def test_runs_whose_creation_never_got_an_answer_become_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = store.client.create_run
    directory = kept_training(tmp_path)
    with monkeypatch.context() as broken, pytest.raises(OSError, match="no more"):
        broken.setattr(store.client, "create_run", lambda *how: [create(*how), create(*how), raise_os_error()])
        publish(store, directory)
    run = publish(store, directory)
    assert [found.info.run_id for found in store.search("")] == [run]
    assert_is_whole(store, run)


def test_a_result_that_cannot_be_listed_is_published_at_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = kept_training(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(unpublished, "write", lambda _: raise_os_error())
        assert Publisher().publish(directory)
    assert "`python -m pipeline.track rebuild` publishes it" in capsys.readouterr().err
    assert len(store.search("")) == 1


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("code", [401, 403, 413, 429, 503])
def test_a_server_that_refuses_for_an_hour_does_not_hold_up_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Retry-After", "3600")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    directory = kept_training(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        started = time.monotonic()
        assert Publisher().publish(directory) is None
        assert time.monotonic() - started < 30
        assert unpublished.listed() == [directory]
        server.shutdown()


def test_the_newest_sweep_is_the_one_that_ran_last(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (
        store.create(name, {"sweep_key": name, "kept_id": name} | owner(), start)
        for name, start in (("old", 1000.0), ("new", 2000.0))
    )
    store.close(old, "FINISHED", 1500.0)
    store.close(new, "FINISHED", 2500.0)
    assert newest_finished_sweep(store).info.run_id == new
    store.reopen(old)  # as the same command does
    assert newest_finished_sweep(store).info.run_id == new
    print_links(store, "http://localhost")
    assert "The newest sweep, 'old'" in capsys.readouterr().out
    store.close(old, "FINISHED", 3000.0)
    assert newest_finished_sweep(store).info.run_id == old


def test_an_older_state_of_a_sweep_is_ignored(store: Store, tmp_path: Path) -> None:
    killed = kept_sweep(tmp_path, "killed", "KILLED", 2000.0)
    run = publish(store, killed)
    store.close(run, "FINISHED", 3000.0)  # as the same command did later
    publish(store, killed)
    assert store.run(run).info.status == "FINISHED"


def test_an_interrupted_creation_leaves_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    process = subprocess.Popen(
        [sys.executable, "-c", "from pipeline.tracking.publisher import required_store; required_store()"]
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "mlflow.db.partial").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "mlflow.db").exists()
    assert required_store().search("") == []
    assert not list(tmp_path.glob("mlflow.db.partial*"))


@pytest.fixture
def broken(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose first migration was interrupted: it begins anew, and finds its tables."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty, tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("DELETE FROM alembic_version")
        connection.commit()
    return tmp_path / "mlflow.db"


def test_a_store_that_was_never_completed_is_set_aside(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert required_store().search("") == []
    assert "mlflow.db was never completed and holds no runs: renamed to mlflow.db.broken" in capsys.readouterr().err
    assert broken.with_name("mlflow.db.broken").exists()


def test_a_broken_store_that_holds_runs_is_left_alone(broken: Path) -> None:
    with closing(sqlite3.connect(broken)) as connection:
        connection.execute("INSERT INTO runs (run_uuid) VALUES ('1')")
        connection.commit()
    before = broken.read_bytes()
    with pytest.raises(UserError, match="MLflow's store can't be used"):
        required_store()
    assert broken.read_bytes() == before
