"""Points become stacks, and results become a table."""

import sys
from dataclasses import replace
from io import StringIO
from itertools import product

import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from omegaconf import OmegaConf
from plain import PLAIN

from pipeline.comparison.results import (
    Predictions,
    Result,
    best_as_text,
    best_settings,
    causes_as_text,
    comparison,
    objectives,
    summary,
)
from pipeline.comparison.seeds import by_setting
from pipeline.console.errors import UserError
from pipeline.core.diagnosis.diagnosis import Diagnosis
from pipeline.core.training import Record, Training
from pipeline.figures import png
from pipeline.figures.sweep import ACCURACIES, OF_CAUSES, Layout, accuracy_maps, colour_of, learning_curves
from pipeline.grid.points import RETRAIN, Point, is_set
from pipeline.grid.progress import Progress
from pipeline.grid.stacks import stacks_of, work_of
from pipeline.grid.workers import Workers


def points(**values):
    """A point for each value of a single setting."""
    [(name, several)] = values.items()
    return [point(n, {name: value}) for n, value in enumerate(several)]


def point(number, changes):
    """A point of which only the settings matter."""
    typed = [f"{name}={value}" for name, value in changes.items()]
    return Point(number, typed, PLAIN.model_copy(update=changes), dataset=None, key="")


def numbers(stacks):
    return [[point.number for point in stack] for stack in stacks]


def result(**changes):
    """A result with this final validation accuracy, or one that diverged at once."""
    accuracy = changes.pop("ends_with", None)
    rows = [] if accuracy is None else [Record(0, 2.3, 0.1, 2.3, 0.1), Record(100, 0.2, 0.9, 0.3, accuracy)]
    outcome, cause = ("converged", "none") if rows else ("diverged", "alpha_too_large")
    diagnosis = Diagnosis(outcome, cause, None if rows else 0, "", "", {"stable_alpha": 0.4})
    training = Training((), rows, [], not rows, 100 if rows else 0)
    return Result(PLAIN.model_copy(update=changes), training, diagnosis, "hash")


def with_loss(of_point, loss):
    """The same result with another final validation loss."""
    first, last = of_point.training.history
    return of_point._replace(training=replace(of_point.training, history=[first, last._replace(validation_loss=loss)]))


def with_cause(of_point, cause):
    """The same result with another cause."""
    return of_point._replace(diagnosis=replace(of_point.diagnosis, cause=cause))


@pytest.mark.parametrize("shared", [{"alpha": [0.1, 0.2]}, {"init": ["he", "zeros"]}, {"init_scale": [0.1, 0.2]}])
def test_points_that_share_images_and_layers_form_one_stack(shared):
    assert len(stacks_of(points(**shared), workers=1)) == 1
    assert len(stacks_of(points(seed=[0, 1]), workers=1)) == 1


@pytest.mark.parametrize(
    "own",
    [
        {"hidden": [[20], [21]]},
        {"normalise": ["unit", "none"]},
        {"reduction": ["mean", "sum"]},
        {"batch_size": [None, 10]},
        {"precision": ["portable", "float32"]},
    ],
)
def test_points_that_do_not_share_them_form_separate_stacks(own):
    assert numbers(stacks_of(points(**own), workers=1)) == [[0], [1]]


def test_minibatches_with_different_seeds_form_separate_stacks():
    two = [
        point._replace(settings=point.settings.model_copy(update={"batch_size": 9})) for point in points(seed=[0, 1])
    ]
    assert numbers(stacks_of(two, workers=1)) == [[0], [1]]


def test_points_of_a_trajectory_stay_together_and_the_longest_come_first():
    each = [
        point(n, {"alpha": alpha, "iterations": iterations})
        for n, (alpha, iterations) in enumerate([(0.1, 10), (0.2, 500), (0.1, 20), (0.3, 50)])
    ]
    assert numbers(stacks_of(each, workers=3)) == [[1], [3], [2, 0]]
    assert work_of(each) == 20 * (20 + 500 + 50)


@pytest.mark.parametrize(
    ("count", "workers", "sizes"),
    [(20, 1, [20]), (32, 1, [32]), (33, 1, [17, 16]), (20, 2, [10, 10]), (3, 8, [1, 1, 1])],
)
def test_stacks_are_even_and_not_too_wide(count, workers, sizes):
    stacks = stacks_of(points(alpha=[0.1 + n for n in range(count)]), workers)
    assert [len(stack) for stack in stacks] == sizes


def test_wide_networks_make_narrow_stacks():
    wide = [
        point._replace(settings=point.settings.model_copy(update={"hidden": [30, 400]}))
        for point in points(alpha=[1.0, 2.0])
    ]
    assert numbers(stacks_of(wide, workers=1)) == [[0], [1]]


def test_the_best_comes_first_and_diverged_points_last():
    table = comparison([result(alpha=3.0), result(alpha=1.0, ends_with=0.8), result(alpha=2.0, ends_with=0.9)])
    assert table.alpha.to_list() == [2.0, 1.0, 3.0]
    assert table.best_iteration.to_list()[:2] == [100, 100]
    metrics = summary(table)
    assert metrics.pop("alpha_predictions_right") == pytest.approx(1 / 3)
    assert metrics == {"points": 3, "diverged": 1, "best_validation_accuracy": 0.9, "best_validation_loss": 0.3}
    assert [line.split()[0] for line in best_as_text(table).splitlines()] == ["alpha", "2.0", "1.0", "3.0"]


def test_the_best_settings_are_the_swept_ones_as_typed():
    others = {"hidden": [9, 8], "batch_size": 10}
    table = comparison([result(ends_with=0.9), result(**others, ends_with=0.8)])
    assert best_settings(table) == "hidden=[20] batch_size=null"
    assert best_settings(table[::-1]) == "hidden=[9,8] batch_size=10"


def test_if_every_point_diverged_there_is_no_best():
    assert not [name for name in summary(comparison([result()])) if name.startswith("best")]


def test_null_settings_are_shown_as_null():
    table = comparison([result(ends_with=0.9), result(fault="gradient_sign"), result(batch_size=9, ends_with=0.8)])
    words = [line.split()[:2] for line in best_as_text(table).splitlines()]
    assert words == [["batch_size", "fault"], ["null", "null"], ["9", "null"], ["null", "gradient_sign"]]


def test_predictions_count_only_the_points_that_alpha_decides():
    below, above = {"alpha": 0.1}, {"alpha": 0.5}
    results = [
        result(**below, ends_with=0.9),
        result(**below),
        result(**above),
        result(**above, seed=1),
        result(**above, ends_with=0.9),
        with_cause(result(**below, init="zeros"), "symmetric_initialisation"),
    ]
    table = comparison(results)
    assert Predictions.of(table) == (2, 1, 3, 2)
    assert summary(table)["alpha_predictions_right"] == 3 / 5
    assert causes_as_text(table) == "3 alpha_too_large, 2 none, 1 symmetric_initialisation"


def test_points_without_a_prediction_are_not_counted():
    table = comparison([with_cause(result(init="zeros"), "symmetric_initialisation")])
    assert Predictions.of(table).points == 0
    assert "alpha_predictions_right" not in summary(table)


def test_what_a_sweeper_minimises_has_the_order_of_the_table():
    results = [
        result(alpha=0.1, ends_with=0.9),
        result(alpha=0.2, ends_with=0.95),
        with_loss(result(alpha=0.3, ends_with=0.95), 0.2),
        with_loss(result(alpha=0.4, ends_with=0.1), 1e308),
        result(alpha=0.5),
        result(alpha=0.6, ends_with=0.99, fault="gradient_sign"),
    ]
    minimised = objectives(results)
    alphas = [one.settings.alpha for one in results]
    assert [alpha for _, alpha in sorted(zip(minimised, alphas, strict=True))][:4] == [*comparison(results).alpha[:4]]
    assert minimised[3] < minimised[4] == minimised[5] == 2
    assert minimised[0] == pytest.approx(0.1, abs=1e-6)
    assert objectives([result()]) == [2]


def test_a_map_shows_the_mean_of_the_seeds_and_marks_failures_by_colour_and_letter():
    results = [
        result(alpha=1.0, ends_with=0.8),
        result(alpha=1.0, seed=1, ends_with=0.9),
        result(alpha=2.0),
        with_cause(result(alpha=1.0, iterations=50, init="zeros", ends_with=0.1), "symmetric_initialisation"),
    ]
    figure = accuracy_maps(comparison(results))
    words = {axes.get_title(): [text.get_text() for text in axes.texts] for axes in figure.axes}
    assert words == {"iterations=50": ["10.0 a"], "iterations=100": ["85.0\n±7.1", "0.0 b"]}
    causes = ["symmetric_initialisation", "alpha_too_large"]
    colours = [to_rgba(colour_of(cause)) for cause in causes]
    assert [patch.get_facecolor() for patch in figure.axes[0].patches] == colours[:1]
    assert figure.axes[1].patches[-1].get_facecolor() == colours[1]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["a  symmetric initialisation", "b  alpha too large"]


def test_no_cause_has_the_colour_of_an_accuracy():
    accuracies = {ACCURACIES(0.75 * accuracy / 100) for accuracy in range(101)}
    assert not accuracies & {to_rgba(colour) for colour in OF_CAUSES}


@pytest.mark.parametrize(
    ("varied", "axes"),
    [
        ({"fault": [None, "gradient_sign", "relu_mask_missing"]}, ("init", "fault")),
        ({"hidden": [[20], [30]], "batch_size": [None, 9, 20]}, ("batch_size", "hidden")),
        ({"alpha": [0.1, 0.2], "init": ["he", "zeros"], "normalise": ["unit", "none"]}, ("alpha", "init")),
    ],
)
def test_any_setting_that_varies_gets_a_cell_of_its_own(varied, axes):
    results = [
        result(**dict(zip(varied, values, strict=True)), ends_with=0.5 + 0.01 * place)
        for place, values in enumerate(product(*varied.values()))
    ]
    figure = accuracy_maps(comparison(results))
    layout = Layout.of(by_setting(comparison(results)))
    assert (layout.across, layout.down) == axes
    shown = sorted(text.get_text() for axes in figure.axes for text in axes.texts)
    assert shown == [f"{50 + place:.1f}" for place in range(len(results))]


def test_a_map_is_no_wider_than_the_page_that_shows_it(tmp_path):
    table = comparison([result(alpha=1.0 + n, iterations=1 + n % 30, ends_with=0.5) for n in range(90)])
    png.save(accuracy_maps(table), tmp_path / "map.png")
    assert imread(tmp_path / "map.png").shape[1] <= 1200


def test_curves_are_means_over_seeds():
    results = [
        result(alpha=float(n), seed=seed, ends_with=0.5 + 0.1 * seed)._replace(model_sha256=f"{n}{seed}")
        for n in (1, 2, 3)
        for seed in (0, 1)
    ]
    histories = {one.model_sha256: one.training.history for one in results}
    [axes] = learning_curves(comparison(results), histories).axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.1, pytest.approx(0.55)]] * 3
    assert len(axes.collections) == 3


class Terminal(StringIO):
    def isatty(self):
        return True


def test_the_sweeps_own_settings_are_checked():
    with pytest.raises(UserError, match="backend can't be dask: it must be one of in_process, loky, ray"):
        Workers("dask")
    with pytest.raises(UserError, match="retrain can't be perhaps: it must be true or false"):
        is_set(OmegaConf.create({"retrain": "perhaps"}), RETRAIN)


def test_the_progress_bar_counts_the_work_done(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress([10, 30], points=7) as progress:
        progress.observer(0, 100)(50, [])
        assert progress.bar.n == 5
        progress.reach(1, 1)
        assert progress.bar.n == 35
        progress.reach(0, 1)
        assert progress.bar.n == progress.bar.total == 40
    assert "7 points 100 %" in sys.stderr.getvalue()
