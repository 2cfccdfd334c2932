"""The Hydra application, as a real process: a run for each point, and one sentence for a mistake."""

import signal

import pandas as pd
import pytest
from conftest import Project, wait_for_a_running_run

SWEEP = ("python", "-m", "pipeline.sweep")


@pytest.fixture(scope="module")
def normalised(project: Project) -> Project:
    project.ok("dvc", "repro", "normalise")
    return project


def test_without_data_it_says_which_command_makes_it(project: Project) -> None:
    printed = project.fails(*SWEEP, "alpha=0.1")
    assert "dvc repro normalise" in printed
    assert not (project.root / "mlflow.db").exists()


def test_each_point_of_a_grid_is_a_run(normalised: Project) -> None:
    normalised.ok(*SWEEP, "alpha=0.1,0.3", "init=uniform,he", "iterations=20")
    runs = normalised.tracked_runs()
    points = {(run.data.params["alpha"], run.data.params["init"]) for run in runs}
    assert points == {("0.1", "uniform"), ("0.1", "he"), ("0.3", "uniform"), ("0.3", "he")}
    assert len(runs) == 4
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.data.tags["command"].startswith("python -m pipeline.sweep alpha=0.1,0.3")
        assert not [metric for metric in run.data.metrics if "test" in metric]
    histories = list((normalised.root / "multirun").glob("*/*/model/history.csv"))
    assert len(histories) == 4
    assert all(len(pd.read_csv(history)) == 21 for history in histories)


def test_dvc_trains_the_same_model_as_the_sweep(normalised: Project) -> None:
    normalised.ok("dvc", "exp", "run", "-S", "alpha=0.3", "-S", "init=uniform", "-S", "iterations=20", "-n", "winner")
    of_dvc = normalised.tracked_runs("tags.dvc_exp_name = 'winner'")[0].data.tags["model_sha256"]
    point = "params.alpha = '0.3' and params.init = 'uniform' and tags.dvc_exp_name = ''"
    [run] = normalised.tracked_runs(point)
    assert run.data.tags["model_sha256"] == of_dvc


def test_other_data_than_is_there_is_refused_with_the_command_that_makes_it(normalised: Project) -> None:
    printed = normalised.fails(*SWEEP, "normalise=unit")
    assert "dvc exp run -S dataset=digits -S normalise=unit normalise" in printed


def test_a_report_is_refused_where_the_data_is_not_the_models(normalised: Project) -> None:
    report = normalised.read("report/metrics.json")
    normalised.ok("dvc", "exp", "run", "-S", "normalise=unit", "normalise")
    printed = normalised.fails("python", "-m", "pipeline.evaluate")
    assert "model/ was trained on other data" in printed
    assert normalised.read("report/metrics.json") == report


def test_an_interrupted_sweep_says_so(normalised: Project) -> None:
    sweep = normalised.start(*SWEEP, "iterations=10000000", "normalise=unit")
    wait_for_a_running_run(normalised)
    sweep.send_signal(signal.SIGINT)
    printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert "Traceback" not in printed
    assert [run.info.status for run in normalised.tracked_runs()].count("KILLED") == 1
