"""A sweep is the same wherever its points train: in local processes, on a cluster, under Hydra's own launchers."""

from collections.abc import Iterator

import pytest
from conftest import Project, left_after_sigkill

ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # stay on 127.0.0.1, as on Windows and macOS
COMMAND = ("python", "-m", "pipeline.sweep", "iterations=15", "seed=1")
SWEEP = (*COMMAND, "init=he,uniform")
POINT = (*COMMAND, "init=he")


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


def test_a_ray_cluster_trains_the_same_models(reproduced: Project, models: dict[str, str], cluster: str) -> None:
    before = len(reproduced.tracked_runs())
    reproduced.ok(*SWEEP, "retrain=true", "hydra.launcher.backend=ray", RAY_ADDRESS=cluster, **ON_LOOPBACK)
    assert len(reproduced.tracked_runs()) == before + 3
    assert trained_last(reproduced) == models


@pytest.mark.parametrize("launcher", ["joblib", "ray", "submitit_local"])
def test_hydra_launchers_train_the_same_model(reproduced: Project, models: dict[str, str], launcher: str) -> None:
    before = len(reproduced.tracked_runs())
    reproduced.ok(*POINT, "retrain=true", f"hydra/launcher={launcher}", **ON_LOOPBACK)
    runs = reproduced.tracked_runs()
    assert len(runs) == before + 1
    assert runs[-1].data.tags["model_sha256"] == models["he"]


@pytest.mark.usefixtures("models")
def test_hydra_launchers_skip_finished_points(reproduced: Project) -> None:
    before = len(reproduced.tracked_runs())
    assert "already finished" in reproduced.ok(*POINT, "hydra/launcher=basic")
    assert len(reproduced.tracked_runs()) == before


def test_optuna_minimises_the_validation_loss(reproduced: Project) -> None:
    command = ("python", "-m", "pipeline.sweep", "hydra/sweeper=optuna", "alpha=choice(0.01,0.5,1000000)")
    trials = ("hydra/sweeper/sampler=grid", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2", "iterations=30")
    printed = reproduced.ok(*command, *trials)
    assert "Best parameters: {'alpha': 0.5}" in printed
    parent = reproduced.tracked_runs("tags.sweep_key != ''")[-1]
    runs = reproduced.tracked_runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {run.data.params["alpha"]: run.data.tags["outcome"] for run in runs} == {
        "0.01": "still learning",
        "0.5": "still learning",
        "1000000.0": "diverged",
    }
    assert parent.data.metrics["points"] == 3
    [best] = [run for run in runs if run.data.params["alpha"] == "0.5"]
    assert parent.data.tags["best_run_id"] == best.info.run_id
    assert f"Best value: {best.data.metrics['validation_loss']}" in printed
