"""However a sweep is interrupted, the same command completes it, with each point once."""

import re
import signal
import time

import pytest
from conftest import Project

# Each size of the hidden layer is its own stack, which trains for a few seconds.
SWEEP = ("python", "-m", "pipeline.sweep", "hidden=[20],[21],[22],[23]", "alpha=0.1,0.2", "iterations=1500")
POINTS, IN_A_STACK = 8, 2


def children(project: Project) -> list:
    return project.tracked_runs("tags.key != ''")


def wait_for_another_stack(project: Project, before: int) -> None:
    """Wait until another stack has been logged and the next one is training."""
    deadline = time.monotonic() + 120
    while len(project.tracked_runs("tags.key != '' and attributes.status = 'FINISHED'")) < before + IN_A_STACK:
        assert time.monotonic() < deadline, "no point was logged within two minutes"
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, "KILLED"), (signal.SIGKILL, "RUNNING")])
def test_an_interrupted_sweep_keeps_its_finished_points(
    reproduced: Project, number: signal.Signals, status: str
) -> None:
    before = len(children(reproduced))
    sweep = reproduced.start(*SWEEP)
    wait_for_another_stack(reproduced, before)
    sweep.send_signal(number)
    printed, _ = sweep.communicate(timeout=60)
    assert "Traceback" not in printed
    if number != signal.SIGKILL:
        assert sweep.returncode == 130
        assert re.search(rf"\d+ of {POINTS} points finished; run the same command to continue", printed)
    assert before < len(children(reproduced)) < POINTS
    [parent] = reproduced.tracked_runs("tags.sweep_key != ''")
    assert parent.info.status == status


def test_a_half_logged_child_is_trained_again(reproduced: Project) -> None:
    first = children(reproduced)[0].info.run_id
    reproduced.store().update_run(first, status="RUNNING")
    printed = reproduced.ok(*SWEEP)
    assert f"of {POINTS} points; the rest are already finished" in printed
    runs = children(reproduced)
    assert first not in [run.info.run_id for run in runs]
    assert len(runs) == len({run.data.tags["key"] for run in runs}) == POINTS
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_the_resumed_sweep_is_one_complete_run(reproduced: Project) -> None:
    [parent] = reproduced.tracked_runs("tags.sweep_key != ''")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["points"] == POINTS
    assert {run.data.tags["mlflow.parentRunId"] for run in children(reproduced)} == {parent.info.run_id}


def test_a_sweep_whose_reader_has_gone_trains_every_point(reproduced: Project) -> None:
    before = len(children(reproduced))
    sweep = reproduced.start("python", "-m", "pipeline.sweep", "alpha=0.4,0.5", "iterations=30")
    sweep.stdout.close()
    assert sweep.wait(timeout=60) == 0
    assert len(children(reproduced)) == before + 2
    assert reproduced.tracked_runs("tags.sweep_key != ''")[-1].info.status == "FINISHED"


def test_a_sweep_that_is_started_twice_trains_each_point_once(reproduced: Project) -> None:
    same = ("python", "-m", "pipeline.sweep", "alpha=0.1,0.2,0.3", "iterations=2000")
    before = len(children(reproduced))
    both = [reproduced.start(*same) for _ in range(2)]
    printed = [sweep.communicate(timeout=120)[0] for sweep in both]
    assert [sweep.returncode for sweep in both] == [0, 0]
    assert "another process is training exactly this" in "".join(printed)
    assert ["training 3 points" in text for text in printed].count(True) == 1
    assert ["every point is already finished: 3 points" in text for text in printed].count(True) == 1
    assert len(children(reproduced)) == before + 3
