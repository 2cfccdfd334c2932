"""What is told to a store that can't be reached: it waits, in its order, and is there once when it has been sent."""

import json
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.files.dataset import About
from pipeline.files.model import Model
from pipeline.tracking.evaluations import same_model
from pipeline.tracking.open_runs import close_abandoned_runs, keeper
from pipeline.tracking.outbox import left_behind
from pipeline.tracking.store import Store, connect, unsent
from pipeline.tracking.sweeps import SweepRun, sweep_run

ABOUT = About({"dataset": {"name": "digits"}, "normalise": "unit"}, "0f.dir", image_shape=(2, 2), classes=2)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store, which takes seconds to be made."""
    root = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as once:
        once.setenv("DVC_ROOT", str(root))
        once.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect()
    return root / "mlflow.db"


@pytest.fixture
def store(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of an empty project."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty, tmp_path)
    return connect()


def lose(store: Store) -> None:
    store.lost = time.monotonic()


def find(store: Store) -> None:
    """The store can be reached again: whatever is told next, what waited comes first."""
    store.lost = None
    store.log(store.create_run("another", {}), [])


def tell_of_a_training(store: Store, tmp_path: Path, name: str = "training") -> str:
    """Tell everything that can be told of a run; its id, or what stands for that."""
    files = tmp_path / "files"
    files.mkdir(exist_ok=True)
    (files / "weights.txt").write_text("1 2 3")
    parent = store.create_run("sweep", {})
    run = store.create_run(name, {"mlflow.parentRunId": parent}, started=1000.0)
    store.log(run, [(0, {"loss": 2.0, "accuracy": 0.1}), (1, {"loss": 1.0})], {"alpha": 0.5, "hidden": [20]})
    store.log_data(run, ABOUT)
    store.log_files(run, files, "model")
    store.log_text(run, f"the best run is {run}", "report/best.txt")
    store.log(run, tags={"outcome": "converged"})
    store.close(run, ended=2000.0)
    return run


def training_in(store: Store, name: str = "training") -> dict:
    """All that the store has of the one run with a name."""
    [run] = store.search(f"attributes.run_name = '{name}'")
    client = store.client
    history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    best = Path(client.download_artifacts(run.info.run_id, "report/best.txt")).read_text()
    assert best == f"the best run is {run.info.run_id}"
    return {
        "parent": client.get_run(run.data.tags["mlflow.parentRunId"]).info.run_name,
        "history": {name: [(point.step, point.value) for point in points] for name, points in history.items()},
        "params": run.data.params,
        "outcome": run.data.tags["outcome"],
        "data": [(used.dataset.name, used.dataset.digest) for used in run.inputs.dataset_inputs],
        "model": [file.path for file in client.list_artifacts(run.info.run_id, "model")],
        "times": (run.info.status, run.info.start_time, run.info.end_time),
    }


EXPECTED = {
    "parent": "sweep",
    "history": {"loss": [(0, 2.0), (1, 1.0)], "accuracy": [(0, 0.1)]},
    "params": {"alpha": "0.5", "hidden": "[20]"},
    "outcome": "converged",
    "data": [("digits", "0f.dir")],
    "model": ["model/weights.txt"],
    "times": ("FINISHED", 1_000_000, 2_000_000),
}


def test_what_is_told_is_there_at_once(store: Store, tmp_path: Path) -> None:
    tell_of_a_training(store, tmp_path)
    assert training_in(store) == EXPECTED
    assert not unsent().exists()


def test_what_can_not_be_told_waits_and_is_the_same_when_it_is_sent(store: Store, tmp_path: Path) -> None:
    lose(store)
    tell_of_a_training(store, tmp_path)
    (tmp_path / "files/weights.txt").unlink()
    assert store.search("attributes.run_name = 'training'") == []
    find(store)
    assert training_in(store) == EXPECTED
    assert list(unsent().iterdir()) == []


def test_a_run_that_loses_the_store_in_the_middle_is_completed(store: Store) -> None:
    run = store.create_run("training", {})
    store.log(run, [(0, {"loss": 2.0})])
    lose(store)
    store.log(run, [(1, {"loss": 1.0})])
    store.close(run)
    find(store)
    [found] = store.search("attributes.run_name = 'training'")
    assert found.info.run_id == run
    assert found.info.status == "FINISHED"
    assert [point.step for point in store.client.get_metric_history(run, "loss")] == [0, 1]


def test_sending_twice_changes_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(store)
    tell_of_a_training(store, tmp_path)
    with monkeypatch.context() as first_time:
        first_time.setattr(store.outbox, "clear", lambda: None)  # as if the process had been killed before that
        store.send(store.outbox)
    store.writer.ids.clear()  # and another one sends it again
    find(store)
    assert training_in(store) == EXPECTED
    assert len(store.search("attributes.run_name = 'sweep'")) == 1


def test_a_run_that_is_there_under_another_id_is_recognised_by_what_it_is(store: Store) -> None:
    known = store.create_run("training", {"model_sha256": "ab"})
    store.log(known, [(0, {"loss": 2.0})])
    store.close(known, ended=5000.0)
    lose(store)
    run = store.create_run("the same", {"filled_in": "true"}, same=["tags.model_sha256 = 'ab'"])
    store.log(run, [(0, {"loss": 2.0}), (1, {"loss": 1.0})])
    store.close(run, ended=9000.0)
    find(store)
    assert store.search("attributes.run_name = 'the same'") == []
    found = store.client.get_run(known)
    assert "filled_in" not in found.data.tags
    assert found.info.end_time == 5_000_000
    points = store.client.get_metric_history(known, "loss")
    assert [(point.step, point.value) for point in points] == [(0, 2.0), (1, 1.0)]


def test_what_the_store_refuses_for_good_holds_nothing_else_up(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = store.create_run("deleted meanwhile", {})
    lose(store)
    store.log(run, [(0, {"loss": 2.0})])
    tell_of_a_training(store, tmp_path)
    store.client.delete_run(run)
    find(store)
    assert training_in(store) == EXPECTED
    [refused] = unsent().glob("refused/*.jsonl")
    [message] = [json.loads(line) for line in refused.read_text().splitlines()]
    assert message[:2] == ["log", run]
    assert str(refused) in capsys.readouterr().err


def test_another_process_sends_only_what_nobody_writes_any_more(store: Store) -> None:
    lose(store)
    store.create_run("training", {})
    assert list(left_behind(unsent())) == []
    store.outbox.lock.release(force=True)  # as when its process ends
    [outbox] = left_behind(unsent())
    assert [message.kind for message in outbox.messages()] == ["create"]


def test_a_message_that_was_cut_off_is_left_out(store: Store) -> None:
    lose(store)
    store.create_run("training", {})
    store.outbox.file.write_text(store.outbox.file.read_text() + '["log", "run-1", {"metr')
    assert [message.kind for message in store.outbox.messages()] == ["create"]


def test_each_store_has_its_own_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    here = unsent()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:password@localhost:1")
    with_password = unsent()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    assert with_password == unsent() != here


def test_a_run_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(UserError, match="MLflow has no run nosuch"):
        store.run("nosuch")


def test_a_run_is_closed_when_its_process_is_gone_and_not_before(store: Store) -> None:
    long_ago = store.create_run("resumed", keeper(), started=1000.0)
    gone = store.create_run("gone", keeper() | {"pid_since": "1000.0"})
    close_abandoned_runs(store)
    assert store.run(long_ago).info.status == "RUNNING"
    assert store.run(gone).info.status == "KILLED"


def test_two_who_start_the_same_sweep_have_a_run_each(store: Store) -> None:
    def sweep() -> AbstractContextManager[SweepRun]:
        return sweep_run(store, "sweep", ["key"], {}, None, retrain=False)

    with sweep() as mine:
        with sweep() as another:
            assert mine.run != another.run
        assert store.run(mine.run).info.status == "RUNNING"
    with sweep() as again:
        assert again.run in (mine.run, another.run)


def test_an_apostrophe_in_the_name_of_an_experiment_is_no_harm(store: Store) -> None:
    run = store.create_run("training", {"dvc_exp_name": "it's", "model_sha256": "ab", "data_md5": "0f.dir"})
    model = Model(None, None, {}, ABOUT, "ab")
    for name in ("it's", "another"):
        assert store.newest(same_model(model, {"dvc_exp_name": name})).info.run_id == run


@pytest.mark.parametrize(
    "address",
    [
        "http://user:s3cret@host:5000/path",
        "https://user:s3cret@rest@host/",
        "https://s3cret@host/",
        "postgresql+psycopg://:s3cret@127.0.0.1/mlflow",
        "http://user:s3c/s3cret@host",
        "postgresql://host/db?user=me&password=s3cret",
    ],
)
def test_no_secret_of_an_address_is_repeated(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    shown = without_credentials(f"error: {address} can't be reached")
    assert "s3cret" not in shown
    assert "user:" not in shown
    assert shown.startswith("error: ")
    assert shown.endswith(" can't be reached")


def test_other_texts_stay_as_they_are() -> None:
    text = "see https://host/a/b@v1 or http://localhost:5000/a@b, mail me@host or type dvc exp run -S alpha=0.1"
    assert without_credentials(text) == text
