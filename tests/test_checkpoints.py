"""A training that is killed goes on from its last checkpoint, to the same bits as one that was not."""

import signal
import time

import pytest
import yaml
from conftest import Project
from plain import PLAIN, assert_same
from test_fit import digits

from pipeline.files.dataset import load_dataset
from pipeline.files.model import fingerprint, save_model
from pipeline.files.paths import PARTIAL, beside
from pipeline.settings.validation import validate
from pipeline.training import checkpoints
from pipeline.training.checkpoints import LARGEST_SHARE, SECONDS_BETWEEN, Checkpoints, interrupted
from pipeline.training.fit import fit

STACK = [
    PLAIN.model_copy(update=changes)
    for changes in ({"iterations": 7}, {"iterations": 150}, {"alpha": 300.0, "iterations": 12}, {"init": "xavier"})
]
KEYS = ["one", "two", "three", "four"]
KINDS = {
    "a stack": STACK,
    "minibatches": [PLAIN.model_copy(update={"batch_size": 100, "iterations": 120})],
    "a built-in fault": [PLAIN.model_copy(update={"batch_size": 100, "iterations": 60, "fault": "gradient_sign"})],
    "two hidden layers in float32": [PLAIN.model_copy(update={"hidden": [9, 8], "precision": "float32"})],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """checkpoints/ in a folder of its own, with a checkpoint at every row of the history."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0)
    monkeypatch.setattr(checkpoints, "LARGEST_SHARE", 1e9)
    return tmp_path / "checkpoints"


def ignore(_iteration, _rows):
    pass


def interrupt_at(last):
    def observe(iteration, _rows):
        if iteration == last:
            raise KeyboardInterrupt

    return observe


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("points", KINDS.values(), ids=KINDS.keys())
def test_an_interrupted_training_goes_on_to_the_same_bits(points, capsys):
    expected = fit(points, digits(), 1, ignore)
    with pytest.raises(KeyboardInterrupt):
        fit(points, digits(), 1, interrupt_at(50), Checkpoints(KEYS))
    seen = []
    found = fit(points, digits(), 1, lambda iteration, _rows: seen.append(iteration), Checkpoints(KEYS))
    for diagnosed, other in zip(found, expected, strict=True):
        assert_same(diagnosed.training, other.training)
        assert diagnosed.diagnosis == other.diagnosis
    assert seen[:2] == [49, 50]
    assert "continuing after iteration 49, from " in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_damaged_checkpoint_is_set_aside(capsys):
    left = Checkpoints(KEYS)
    with pytest.raises(KeyboardInterrupt):
        fit(STACK, digits(), 1, interrupt_at(30), left)
    content = bytearray(left.file.read_bytes())
    content[len(content) // 2] ^= 1
    left.file.write_bytes(content)
    assert left.latest() is None
    assert left.file.name in capsys.readouterr().err
    assert not left.file.exists()


def test_a_checkpoint_that_cannot_be_written_stops_nothing(folder, capsys):
    folder.write_text("a file where the folder should be")
    fit(STACK, digits(), 1, ignore, Checkpoints(KEYS))
    assert "no checkpoint: " in capsys.readouterr().err


def test_checkpoints_take_little_of_the_time(folder, monkeypatch):
    """A clock that every write moves on by a second: the next write comes after fifty."""
    now = 0.0
    monkeypatch.undo()
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)
    written = []

    def write(_file, _keys, _checkpoint):
        nonlocal now
        written.append(now)
        now += 1.0

    monkeypatch.setattr(checkpoints, "write_checkpoint", write)
    monkeypatch.setenv("DVC_ROOT", str(folder.parent))
    kept = Checkpoints(KEYS)
    kept.latest()
    while now < 500:
        now += 0.5
        kept.keep(None)
    assert written[0] == SECONDS_BETWEEN
    assert len(written) / now <= LARGEST_SHARE


@pytest.mark.usefixtures("folder")
def test_a_sweep_finds_the_stacks_that_were_interrupted():
    for keys in (["a", "b"], ["c"]):
        with pytest.raises(KeyboardInterrupt):
            fit(STACK, digits(), 1, interrupt_at(9), Checkpoints(keys))
    assert sorted(interrupted(["a", "b", "c", "d"])) == [["a", "b"], ["c"]]
    assert list(interrupted(["a", "c"])) == [["c"]]


@pytest.fixture(scope="module")
def expected(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The sha256 of the models of 1000 iterations at two alphas, trained without a break."""
    directory = tmp_path_factory.mktemp("expected")
    dataset = load_dataset(reproduced.root / "normalised")
    conf = validate(yaml.safe_load(reproduced.read("params.yaml")))
    points = [conf.model_copy(update={"alpha": alpha, "iterations": 1000}) for alpha in (0.1, 0.2)]
    for number, (point, diagnosed) in enumerate(zip(points, fit(points, dataset, 2, ignore), strict=True)):
        (directory / str(number)).mkdir()
        save_model(diagnosed, point.of_the_model(), dataset, directory / str(number))
    return {fingerprint(model) for model in directory.iterdir()}


def kill_after_a_checkpoint(project: Project, module: str, *arguments: str) -> None:
    """Run a command that writes a checkpoint at every row, and kill it once there is one."""
    code = f"""
import sys
from pipeline.training import checkpoints
checkpoints.SECONDS_BETWEEN, checkpoints.LARGEST_SHARE = 0, 1e9
from pipeline.{module} import main
sys.argv[1:] = {list(arguments)}
main()
"""
    command = project.start("python", "-c", code)
    while command.poll() is None and not list(project.root.glob("checkpoints/*.checkpoint")):
        time.sleep(0.01)
    command.kill()
    printed, _ = command.communicate()
    assert command.returncode == -signal.SIGKILL, printed


def test_a_killed_stage_goes_on(reproduced: Project, expected: set[str]) -> None:
    alpha, iterations = (line for line in reproduced.read("params.yaml").splitlines() if line[:5] in ("alpha", "itera"))
    reproduced.edit("params.yaml", alpha, "alpha: 0.2")
    reproduced.edit("params.yaml", iterations, "iterations: 1000")
    kill_after_a_checkpoint(reproduced, "train")
    assert "continuing after iteration" in reproduced.ok("python", "-m", "pipeline.train")
    assert fingerprint(reproduced.root / "model") in expected
    assert not list(reproduced.root.glob("checkpoints/*"))
    assert "checkpoints" not in reproduced.git_status()


def test_a_killed_sweep_goes_on(reproduced: Project, expected: set[str]) -> None:
    sweep = ("alpha=0.1,0.2", "iterations=1000")
    kill_after_a_checkpoint(reproduced, "sweep", *sweep)
    [left] = reproduced.root.glob("checkpoints/*.checkpoint")
    content = left.read_bytes()
    beside(left, PARTIAL).write_bytes(content[:1000])  # as after a kill while the next one is written
    assert "continuing after iteration" in reproduced.ok("python", "-m", "pipeline.sweep", *sweep)
    points = reproduced.tracked_runs("tags.key != ''")
    assert {point.info.status for point in points} == {"FINISHED"}
    assert sorted(point.data.tags["model_sha256"] for point in points) == sorted(expected)
    assert not list(reproduced.root.glob("checkpoints/*"))

    left.write_bytes(content)  # as after a kill between the last point and its removal
    assert "every point is already finished: 2 points" in reproduced.ok("python", "-m", "pipeline.sweep", *sweep)
    assert not list(reproduced.root.glob("checkpoints/*"))
