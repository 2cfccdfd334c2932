"""A sweep is the same wherever its points train: in local processes, on a cluster, under Hydra's own launchers."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from answers import answers
from conftest import Project, left_after_sigkill
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from plain import stack_of

from pipeline.console.errors import UserError
from pipeline.grid.one_by_one import OneByOne
from pipeline.grid.tracked import TrackedSweep
from pipeline.kept.directories import KeptSweep
from pipeline.tracking.publisher import Publisher

ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # stay on 127.0.0.1, as on Windows and macOS
COMMAND = ("python", "-m", "pipeline.sweep", "iterations=15", "seed=1")
SWEEP = (*COMMAND, "init=he,uniform")


@pytest.fixture(scope="module")
def models(reproduced: Project) -> dict[str, str]:
    """The hash of each point's model by init, trained in one process."""
    reproduced.ok(*SWEEP)
    return trained_last(reproduced)


def trained_last(project: Project) -> dict[str, str]:
    runs = project.tracked_runs("tags.key != ''")[-2:]
    return {run.data.params["init"]: run.data.tags["model_sha256"] for run in runs}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a local Ray cluster of two nodes, each a process with one core."""
    for name, value in ON_LOOPBACK.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100_000_000}
    two = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    two.add_node(**node)
    yield two.address
    two.shutdown()


def test_local_processes_train_the_same_models(reproduced: Project, models: dict[str, str]) -> None:
    before = len(reproduced.tracked_runs())
    reproduced.ok(*SWEEP, "retrain=true", "hydra.launcher.backend=loky")
    assert len(reproduced.tracked_runs()) == before + 3
    assert trained_last(reproduced) == models


def test_workers_end_with_a_sweep_that_is_killed(reproduced: Project) -> None:
    sweep = reproduced.start(*COMMAND, "hidden=[20],[21]", "iterations=100000", "hydra.launcher.backend=loky")
    assert left_after_sigkill(sweep) == []


def test_jobs_of_joblib_end_with_a_sweep_that_is_killed(reproduced: Project) -> None:
    endless = ("hidden=[20],[21]", "iterations=10000000", "hydra/launcher=joblib", "hydra.sweep.dir=killed")
    sweep = reproduced.start(*COMMAND, *endless)
    while sweep.poll() is None and not (reproduced.root / "killed/0").exists():
        time.sleep(0.1)
    time.sleep(1)  # for the job to start its training
    assert left_after_sigkill(sweep) == []


def test_a_ray_cluster_trains_the_same_models(reproduced: Project, models: dict[str, str], cluster: str) -> None:
    before = len(reproduced.tracked_runs())
    reproduced.ok(*SWEEP, "retrain=true", "hydra.launcher.backend=ray", RAY_ADDRESS=cluster, **ON_LOOPBACK)
    assert len(reproduced.tracked_runs()) == before + 3
    assert trained_last(reproduced) == models


def test_jobs_of_hydras_launchers_are_points_of_one_sweep(reproduced: Project, models: dict[str, str]) -> None:
    """Of submitit here, which runs each elsewhere, and of joblib below."""
    before = len(reproduced.tracked_runs())
    printed = reproduced.ok(*SWEEP, "retrain=true", "hydra/launcher=submitit_local")
    parent, *points = reproduced.tracked_runs()[before:]
    assert trained_last(reproduced) == models
    assert {point.data.tags["mlflow.parentRunId"] for point in points} == {parent.info.run_id}
    assert {run.info.status for run in (parent, *points)} == {"FINISHED"}
    assert {point.data.tags["command"] for point in points} == {parent.data.tags["command"]}
    assert "Every point is in MLflow, under the run 'sweep of init'" in printed
    artefacts = [file.path for file in reproduced.store().list_artifacts(parent.info.run_id)]
    assert {"accuracy.png", "sweep.csv", "sweep_by_setting.csv"} <= set(artefacts)


def test_a_sweep_by_hydras_launcher_is_checked_as_a_whole(reproduced: Project) -> None:
    before = len([*reproduced.root.glob("multirun/*")])
    mistakes = {
        "sweep init=he,glorot hydra/launcher=joblib": "1 of 2 points is invalid, so none is trained",
        "sweep init=he hydra.mode=RUN": "a sweep has hydra.mode=MULTIRUN",
    }
    for command, (code, printed) in answers(reproduced, *mistakes).items():
        assert code == 1
        assert mistakes[command] in printed
    assert len([*reproduced.root.glob("multirun/*")]) == before


def test_a_job_that_fails_fails_the_sweep_but_not_the_other_points(reproduced: Project) -> None:
    (reproduced.root / "mine" / "1" / "run.json").mkdir(parents=True)
    printed = reproduced.fails(*SWEEP, "iterations=18", "hydra/launcher=joblib", "hydra.sweep.dir=mine")
    assert "error: " in printed
    [parent] = reproduced.tracked_runs("tags.sweep_key != '' and params.iterations = '18'")
    assert parent.info.status == "FAILED"
    [point] = reproduced.tracked_runs("tags.key != '' and params.iterations = '18'")
    assert point.data.params["init"] == "he"


class FailingLauncher(Launcher):
    """One whose jobs fail before they have a model, though Hydra has made their directories."""

    def setup(self, **_: object) -> None: ...

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:  # noqa: ARG002
        return [JobReturn(status=JobStatus.FAILED, _return_value=UserError("its own words")) for _ in job_overrides]


def test_a_job_without_a_model_is_reported_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    sweep = TrackedSweep(Publisher(), tmp_path, KeptSweep("id", "sweep", 0, "RUNNING", {}, {}))
    [point] = stack_of([0.1])
    with pytest.raises(UserError, match="its own words"):
        list(OneByOne(FailingLauncher()).train({"key": point}, ["key"], sweep))


def test_a_search_by_optuna_is_one_sweep_with_one_best_point(reproduced: Project) -> None:
    command = ("python", "-m", "pipeline.sweep", "hydra/sweeper=optuna", "alpha=choice(0.01,0.5,1000000)")
    trials = ("hydra.sweeper.sampler.seed=1", "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=6", "iterations=30")
    printed = reproduced.ok(*command, *trials)
    assert "Best parameters: {'alpha': 0.5}" in printed
    [parent] = reproduced.tracked_runs("tags.sweep_key != '' and params.iterations = '30'")
    assert parent.data.tags["mlflow.runName"] == "search over alpha"
    assert parent.data.params["alpha"] == "choice(0.01,0.5,1000000)"
    runs = reproduced.tracked_runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {run.data.params["alpha"]: run.data.tags["outcome"] for run in runs} == {
        "0.01": "still learning",
        "0.5": "still learning",
        "1000000.0": "diverged",
    }
    assert parent.data.metrics["points"] == 3
    [best] = [run for run in runs if run.data.params["alpha"] == "0.5"]
    assert parent.data.tags["best_run_id"] == best.info.run_id
    assert printed.count("trains the best point again and tests it") == 1
    again = reproduced.ok(*command, *trials, "hydra/launcher=basic")
    assert "training" not in again
    assert len(reproduced.tracked_runs("tags.sweep_key != '' and params.iterations = '30'")) == 1
