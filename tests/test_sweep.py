"""A sweep over a grid, as a real process: its results in the store and the files, and one sentence for a mistake."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from answers import answers
from conftest import Project
from mlflow.entities import Run

from pipeline.tracking.view import NOTE, run_page

MISTAKES = {
    "alpa=0.1": "there is no setting alpa (did you mean alpha?): choose from dataset, normalise, alpha, init,",
    "alpa=0.1 init=he,zeros": "there is no setting alpa (did you mean alpha?): choose from dataset, normalise,",
    "hydra/launcher=nope alpha=0.1,0.3": "there is no hydra/launcher nope: choose from basic, ",
    "alpha.first=0.1": "there is no setting alpha.first: choose from",
    "dataset.path=a.csv": "there is no setting dataset.path in the chosen dataset: see conf/dataset",
    "dtype=float64": "dtype is now called precision: write precision=portable",
    "alpha=": 'alpha can\'t be "": it must be a number greater than 0',
    "alpha=1e400": "alpha can't be Infinity: it must be a number",
    "hidden=[100000000000000000000]": "hidden can't be 100000000000000000000: it must be a list",
    "=3": "can't read '=3': write name=value without spaces, e.g. alpha=0.1",
    "alpha 0.1": "can't read 'alpha': write name=value without spaces",
    "hidden=[20": "can't read 'hidden=[20': write name=value without spaces",
    f"seed={'9' * 5000}": "can't read 'seed=9999999999",
    "'alpha=interval(0.1,1)'": "alpha=interval(0.1,1) is not a list of values: list some, or search with hydra/sweeper",
    "'seed=range(1,1)'": "seed=range(1,1) has no values",
    "'seed=range(1,2,0)'": "seed=range(1,2,0) can't be listed: range() arg 3 must not be zero",
    "'seed=range(10000000000)'": "the grid has more than 100,000 points",
    "'alpha=${beta}'": "conf/ can't be composed: Interpolation key 'beta' not found (in alpha)",
    "+alpha=1": "alpha is in conf/config.yaml already: write alpha=1",
    "+dataset=mnist": "dataset is in conf/config.yaml already: write dataset=mnist",
    "dataset=minst": "there is no dataset minst (did you mean mnist?): choose from csv, digits, fashion_mnist, mnist",
    "dataset=3": "dataset=3 does not choose a file in conf/: write a name, as in dataset=digits",
    "+experiment=nope": "there is no experiment nope: choose from collapse, digits_sum, faults,",
    "experiment=collapse": "an experiment is added to conf/config.yaml: write +experiment=collapse",
    "hydra/launcher=nope": "there is no hydra/launcher nope: choose from basic, ",
    "hydra/sweeper=gird": "there is no hydra/sweeper gird (did you mean grid?): choose from basic, grid",
    "hydra.launcher.bakend=loky": "there is no setting hydra.launcher.bakend: `python -m pipeline.sweep --cfg hydra`",
    "hydra.launcher.backend=dask": "hydra.launcher.backend can't be dask: it must be one of in_process, loky, ray",
    "retrain=perhaps": "retrain can't be perhaps: it must be true or false",
    "--config-name nope": "conf/ can't be composed: Cannot find primary config 'nope'.",
}
INVALID_POINTS = {
    "alpha=-1,0.3 init=glorot,he": [
        "error: 3 of 4 points are invalid, so none is trained:",
        "  alpha can't be -1: it must be a number greater than 0",
        '  init can\'t be "glorot": it must be one of uniform, he, xavier, normal, zeros',
        "      alpha=-1 init=glorot",
        "  alpha can't be -1: it must be a number greater than 0",
        "      alpha=-1 init=he",
        '  init can\'t be "glorot": it must be one of uniform, he, xavier, normal, zeros',
        "      alpha=0.3 init=glorot",
    ],
    "dataset=digits,3": [
        "error: 1 of 2 points is invalid, so none is trained:",
        "  conf/ can't be composed: Config group override must be a string or a list. Got int",
        "      dataset=3",
    ],
}
SWEEP = ("python", "-m", "pipeline.sweep")
GRID = ("alpha=0.1,0.5,1000000", "init=he,zeros", "iterations=20,105", "normalise=standard,divide_255")
SPARSE = [*range(10), *range(10, 101, 5), 105]
SETTINGS = ["alpha", "init", "iterations", "normalise"]


def children_of(project: Project, parent: Run) -> list[Run]:
    return project.tracked_runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")


def sweeps(project: Project) -> list[Run]:
    return project.tracked_runs("tags.sweep_key != ''")


def settings_of(run: Run) -> tuple[str, ...]:
    return tuple(run.data.params[name] for name in SETTINGS)


@pytest.fixture(scope="module")
def swept(reproduced: Project) -> Project:
    """A project in which a grid of 24 points was swept."""
    (reproduced.root / "printed.txt").write_text(reproduced.ok(*SWEEP, *GRID))
    return reproduced


@pytest.fixture(scope="module")
def parent(swept: Project) -> Run:
    [run] = sweeps(swept)
    return run


@pytest.fixture(scope="module")
def table(swept: Project, parent: Run) -> pd.DataFrame:
    """The table of all points in MLflow, with their run ids."""
    return pd.read_csv(swept.store().download_artifacts(parent.info.run_id, "sweep.csv"))


def test_missing_data_is_reported_with_the_command_that_makes_it(project: Project) -> None:
    assert "run `dvc exp run -S dataset=mnist -S normalise=unit normalise` to fill it" in project.fails(
        *SWEEP, "alpha=0.1,0.2", "dataset=mnist", "normalise=unit"
    )
    assert not (project.root / "mlflow.db").exists()
    assert not (project.root / "multirun").exists()


def test_each_grid_point_is_a_child_of_the_sweeps_run(swept: Project, parent: Run) -> None:
    runs = children_of(swept, parent)
    assert len(runs) == 24
    points = {(*point, n) for point in product(("0.1", "0.5", "1000000.0"), ("he", "zeros")) for n in ("20", "105")}
    assert {settings_of(run) for run in runs} == {(*point, n) for point in points for n in ("standard", "divide_255")}
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.data.tags["command"].startswith("python -m pipeline.sweep alpha=0.1,0.5,1000000")
        assert not [metric for metric in run.data.metrics if "test" in metric]


def test_a_childs_metrics_match_its_history(swept: Project, parent: Run) -> None:
    [run] = [run for run in children_of(swept, parent) if settings_of(run) == ("0.5", "he", "105", "standard")]
    client = swept.store()
    logged = client.get_metric_history(run.info.run_id, "validation_accuracy")
    history = pd.read_csv(client.download_artifacts(run.info.run_id, "model/history.csv"))
    of_history = dict(zip(history.iteration, history.validation_accuracy, strict=True))
    assert {metric.step: metric.value for metric in logged} == {step: of_history[step] for step in SPARSE}
    assert history.iteration.to_list() == [*range(101), 105]
    assert run.info.start_time < run.info.end_time


def test_the_parent_has_the_grid_and_the_best_point(parent: Run, table: pd.DataFrame) -> None:
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["mlflow.runName"] == "sweep of normalise × alpha × init × iterations"
    assert {name: parent.data.params[name] for name in SETTINGS} == {
        "alpha": "0.1,0.5,1000000.0",
        "init": "he,zeros",
        "iterations": "20,105",
        "normalise": "standard,divide_255",
    }
    best = table.loc[table.validation_accuracy.idxmax()]
    assert parent.data.metrics["best_validation_accuracy"] == best.validation_accuracy
    assert parent.data.metrics["points"] == 24
    assert parent.data.metrics["diverged"] == (table.outcome == "diverged").sum() > 0
    assert parent.data.tags["best_run_id"] == best.run_id
    assert parent.data.tags["best_settings"] == "normalise=standard alpha=0.5 init=he iterations=105"


def test_the_sweeps_page_links_to_its_best_points(swept: Project, parent: Run, table: pd.DataFrame) -> None:
    note = parent.data.tags[NOTE]
    best = swept.store().get_run(table.run_id[0]).info
    assert f"[{best.run_name}]({run_page('', best.experiment_id, best.run_id)})" in note
    assert "Causes: " in note


def test_sweep_csv_matches_the_children(swept: Project, parent: Run, table: pd.DataFrame) -> None:
    assert len(table) == 24
    rows = table.set_index("run_id")
    for run in children_of(swept, parent):
        row = rows.loc[run.info.run_id]
        for tag in ("outcome", "cause"):
            assert row[tag] == run.data.tags[tag]
        assert row.model_sha256 == run.data.tags["model_sha256"]
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            assert np.isclose(row[name], run.data.metrics[name], rtol=1e-12, atol=0)
        assert row.best_validation_accuracy >= row.validation_accuracy
    diverged = table.outcome == "diverged"
    assert diverged.is_monotonic_increasing
    finished = table[~diverged]
    assert finished.validation_accuracy.is_monotonic_decreasing


def test_the_parent_has_the_table_and_the_pictures(swept: Project, parent: Run) -> None:
    client = swept.store()
    names = [file.path for file in client.list_artifacts(parent.info.run_id)]
    assert names == ["accuracy.png", "curves.png", "provenance", "summary.txt", "sweep.csv", "sweep_by_setting.csv"]


def test_the_sweeps_directory_has_the_same_table_without_run_ids(swept: Project, table: pd.DataFrame) -> None:
    [path] = swept.root.glob("multirun/*/comparison/sweep.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path), table.drop(columns="run_id"))


def test_a_sweep_prints_its_best_points_and_where_to_look(swept: Project) -> None:
    printed = swept.read("printed.txt")
    assert "training 24 points" in printed
    assert printed.splitlines()[2].split()[:6] == ["standard", "0.5", "he", "105", "converged", "none"]
    assert "mlflow ui" in printed
    assert "Traceback" not in printed


def test_dvc_trains_the_winner_to_the_same_model(swept: Project, table: pd.DataFrame) -> None:
    command = next(line for line in swept.read("printed.txt").splitlines() if line.startswith("`dvc exp run"))
    swept.ok(*command.split("`")[1].split(), "--name", "winner", "train")
    [run] = swept.tracked_runs("tags.dvc_exp_name = 'winner'")
    assert run.data.tags["model_sha256"] == table.iloc[0].model_sha256


def test_a_sweep_normalises_as_the_stage_does(swept: Project, table: pd.DataFrame) -> None:
    swept.edit("params.yaml", "normalise: standard", "normalise: divide_255")
    swept.edit("params.yaml", "iterations: 105", "iterations: 20")
    swept.ok("python", "-m", "pipeline.normalise")
    report = swept.read("report/metrics.json")
    assert "model/ was trained on digits, normalise=standard" in swept.fails("python", "-m", "pipeline.evaluate")
    assert swept.read("report/metrics.json") == report

    swept.ok("python", "-m", "pipeline.train")
    same = table.query("normalise == 'divide_255' and alpha == 0.5 and init == 'he' and iterations == 20")
    assert [swept.tracked_runs()[-1].data.tags["model_sha256"]] == same.model_sha256.to_list()


def test_repeating_a_sweep_trains_nothing_and_gives_the_same_table(swept: Project, parent: Run) -> None:
    before = {run.info.run_id for run in children_of(swept, parent)}
    printed = swept.ok(*SWEEP, *GRID)
    assert "every point is already finished: 24 points" in printed
    assert [run.info.run_id for run in sweeps(swept)] == [parent.info.run_id]
    assert {run.info.run_id for run in children_of(swept, parent)} == before
    first, again = sorted(swept.root.glob("multirun/*/comparison/sweep.csv"))
    assert again.read_text() == first.read_text()


def test_a_larger_grid_trains_only_new_points_and_duplicates_once(swept: Project) -> None:
    larger = ("alpha=0.1,0.10", "batch_size=50,null", "hidden=[20],[12,8]", "seed=range(2)")
    printed = swept.ok(*SWEEP, *larger, "iterations=20")
    assert "training 7 of 8 points; the rest are already finished" in printed
    assert "7 of 8 under the run" in printed
    [command] = [line for line in printed.splitlines() if line.startswith("`dvc exp run")]
    assert "-S iterations=20" in command  # which is not varied, but isn't that of conf/ either
    assert [len(children_of(swept, run)) for run in sweeps(swept)] == [24, 7]


def test_minibatches_layers_and_seeds_give_different_networks(swept: Project) -> None:
    first, larger = ({run.data.tags["model_sha256"] for run in children_of(swept, parent)} for parent in sweeps(swept))
    assert len(larger - first) == 7


def test_retrain_trains_finished_points_of_a_preset_grid_again(swept: Project, parent: Run) -> None:
    printed = swept.ok(*SWEEP, "+experiment=stability", "alpha=0.1", "iterations=20", "retrain=true")
    assert "training 5 points" in printed
    again = {settings_of(run): run for run in children_of(swept, sweeps(swept)[-1])}
    assert {*again} == {("0.1", init, "20", "standard") for init in ("uniform", "he", "xavier", "normal", "zeros")}
    first = {settings_of(run): run for run in children_of(swept, parent)}
    for init in ("he", "zeros"):
        point = ("0.1", init, "20", "standard")
        assert first[point].data.tags["model_sha256"] == again[point].data.tags["model_sha256"]


@pytest.fixture(scope="module")
def refused(swept: Project) -> dict[str, tuple[int, str]]:
    """What a sweep answers to each mistake, which left nothing in multirun/."""
    before = sorted((swept.root / "multirun").iterdir())
    answered = answers(swept, *(f"sweep {words}" for words in [*MISTAKES, *INVALID_POINTS]))
    assert sorted((swept.root / "multirun").iterdir()) == before
    return answered


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_on_the_command_line_gets_one_sentence(refused: dict[str, tuple[int, str]], words: str) -> None:
    code, printed = refused[f"sweep {words}"]
    assert code == 1
    assert printed.startswith(f"error: {MISTAKES[words]}")
    assert printed.count("\n") == 1


@pytest.mark.parametrize("words", INVALID_POINTS)
def test_invalid_points_are_listed_below_their_mistakes(refused: dict[str, tuple[int, str]], words: str) -> None:
    code, printed = refused[f"sweep {words}"]
    assert (code, printed.splitlines()) == (1, INVALID_POINTS[words])


def test_all_invalid_points_are_reported_before_any_training(swept: Project) -> None:
    before = len(swept.tracked_runs())
    grid = [
        ("alpha=-1", "alpha=0.3"),
        ("init=he", "init=glorot"),
        ("batch_size=null", "batch_size=5000"),
        ("dataset=digits", "dataset=mnist"),
    ]
    valid = ("alpha=0.3", "init=he", "batch_size=null", "dataset=digits")
    printed = swept.fails(*SWEEP, "alpha=-1,0.3", "init=he,glorot", "batch_size=null,5000", "dataset=digits,mnist")
    assert "15 of 16 points are invalid" in printed
    assert "alpha can't be -1: it must be a number greater than 0" in printed
    assert 'init can\'t be "glorot"' in printed
    assert "digits has 1444 training images" in printed
    assert "run `dvc exp run -S dataset=mnist -S normalise=standard normalise`" in printed
    for point in product(*grid):
        assert (" ".join(point) in printed) == (point != valid)
    assert len(swept.tracked_runs()) == before


def test_a_sweep_over_seeds_compares_settings(swept: Project) -> None:
    printed = swept.ok(*SWEEP, "alpha=0.003,0.3", "seed=range(3)", "iterations=20")
    assert "alpha=0.3 leads alpha=0.003 by " in printed
    assert "paired over 3 seeds): more than luck." in printed
    [comparison] = sorted(swept.root.glob("multirun/*/comparison"))[-1:]
    points, settings = (pd.read_csv(comparison / name) for name in ("sweep.csv", "sweep_by_setting.csv"))
    assert len(points) == 6
    assert settings.alpha.tolist() == [0.3, 0.003]
    assert settings.seeds.tolist() == [3, 3]
    best = points[points.alpha == 0.3].validation_accuracy
    assert settings.validation_accuracy[0] == pytest.approx(best.mean())
    assert settings.validation_accuracy_std[0] == pytest.approx(best.std())
    run = sweeps(swept)[-1]
    assert run.data.tags["best_settings"] == "alpha=0.3"
    assert run.data.metrics["best_validation_accuracy"] == pytest.approx(best.mean())
