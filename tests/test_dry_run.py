"""A dry run says what a sweep would do, and does nothing."""

from pathlib import Path

import pytest
from answers import answers
from conftest import Project, copied
from plain import stack_of

from pipeline.grid import estimate
from pipeline.grid.estimate import Price, sample, training_seconds, tried
from pipeline.grid.points import Point
from tests.benchmarks import dry_run

SWEEP = ("python", "-m", "pipeline.sweep", "iterations=15")


def files(project: Project) -> set[str]:
    """The names of all files of results, and of the folders they are in."""
    return {
        str(path) for name in ("multirun", "mlartifacts", "checkpoints") for path in project.root.glob(f"{name}/**/*")
    }


def test_a_dry_run_lists_what_is_finished_and_what_would_train(reproduced: Project) -> None:
    reproduced.ok(*SWEEP, "alpha=0.1", "init=he,zeros")
    before, runs = files(reproduced), len(reproduced.tracked_runs())
    printed = reproduced.ok(*SWEEP, "alpha=0.1,0.2", "init=he,zeros", "hidden=[20],[10]", "dry_run=true")
    *listed, estimated = printed.splitlines()
    assert listed == [
        "finished: 2 of 8 points",
        "      iterations=15 alpha=0.1 init=he hidden=[20]",
        "      iterations=15 alpha=0.1 init=zeros hidden=[20]",
        "to train: 6 of 8 points",
        "  stack 1 of 2: 4 points, up to 15 iterations",
        "      iterations=15 alpha=0.1 init=he hidden=[10]",
        "      iterations=15 alpha=0.1 init=zeros hidden=[10]",
        "      iterations=15 alpha=0.2 init=he hidden=[10]",
        "      iterations=15 alpha=0.2 init=zeros hidden=[10]",
        "  stack 2 of 2: 2 points, up to 15 iterations",
        "      iterations=15 alpha=0.2 init=he hidden=[20]",
        "      iterations=15 alpha=0.2 init=zeros hidden=[20]",
    ]
    assert estimated.startswith("Estimate: 00:")
    assert "starting and comparing 00:0" in estimated
    assert estimated.endswith(" MB of memory.")
    assert dry_run.estimated(printed) > 0
    assert files(reproduced) == before
    assert len(reproduced.tracked_runs()) == runs


def test_a_dry_run_of_jobs_takes_each_by_itself(reproduced: Project) -> None:
    printed = reproduced.ok(
        *SWEEP, "alpha=0.1", "init=he,zeros", "retrain=true", "dry_run=true", "hydra/launcher=joblib"
    )
    assert "to train: 2 of 2 points" in printed
    assert "stack 2 of 2: 1 point, up to 15 iterations" in printed


def test_what_has_no_dry_run_gets_a_sentence(reproduced: Project) -> None:
    mistakes = {
        "sweep alpha=0.1,-1 init=he,glorot dry_run=true": "3 of 4 points are invalid",
        "sweep dry_run=perhaps": "dry_run can't be perhaps",
        "sweep hydra/sweeper=optuna 'alpha=interval(0.1,1)' dry_run=true": "a dry run needs a grid",
    }
    for command, (code, printed) in answers(reproduced, *mistakes).items():
        assert code == 1
        assert mistakes[command] in printed


def test_a_dry_run_makes_no_store(template: Project, tmp_path: Path) -> None:
    project = copied(template, tmp_path / "clone")
    (project.root / "mlflow.db").unlink()
    assert "finished: 0 of 2 points" in project.ok(*SWEEP, "init=he,zeros", "dry_run=true")
    assert not (project.root / "mlflow.db").exists()
    assert not (project.root / "multirun").exists()


def test_an_iteration_costs_what_its_row_costs() -> None:
    price = Price(around=1, examined=10, recorded=1000, other=100_000)
    assert price.of(5) == 1 + 5 * 10
    assert price.of(105) == 1 + 20 * 10 + 81 * 1000 + 4 * 100_000


def a_second_an_iteration(_points: list[Point]) -> Price:
    return Price(0, 1, 1, 1)


def test_networks_train_for_as_long_as_the_longest_on_their_trajectory() -> None:
    long, short = (stack_of([0.1, 0.2], iterations=iterations) for iterations in (300, 100))
    assert training_seconds([long, [*short, *long]], a_second_an_iteration) == 4 * 300


def test_a_kind_that_is_not_tried_costs_as_much_for_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "PATIENCE", 0)
    stacks = [stack_of([0.1, 0.2], hidden=hidden, iterations=100) for hidden in ([60], [20], [10])]
    assert training_seconds(stacks, a_second_an_iteration) == 200 * (60 + 20 + 10) / 60


def test_networks_that_start_at_zero_have_a_price_of_their_own() -> None:
    stacks = [stack_of([0.1, 0.2], init=init, iterations=100) for init in ("zeros", "he")]
    prices = {"zeros": Price(0, 1, 1, 1), "he": Price(0, 4, 4, 4)}
    assert training_seconds(stacks, lambda points: prices[points[0].settings.init]) == 2 * 100 + 2 * 400


def test_a_trial_of_large_data_takes_some_images_and_of_minibatches_all() -> None:
    large = stack_of([0.1] * 32, images=6000, pixels=784)
    dataset, points = large[0].dataset, [point.settings for point in large]
    few, share = sample(points, dataset)
    assert len(few.parts["train"].labels) == pytest.approx(share * 6000, abs=1)
    assert share == pytest.approx(5e8 / 32 / (794 * 20) / 6000, rel=0.01)
    everything, share = sample([point.model_copy(update={"batch_size": 10}) for point in points], dataset)
    assert len(everything.parts["train"].labels) == 6000
    assert share == 1


def test_a_trial_finds_what_each_iteration_costs() -> None:
    price = tried(stack_of([0.1, 0.2], iterations=30), threads=1)
    assert 0 < price.other < price.examined
    assert price.around > 0
    assert price.recorded > 0
