"""The README's three networks and every built-in fault, as a user runs them: the pipeline says why they failed."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from conftest import Project

SWEEP = ("python", "-m", "pipeline.sweep")


@pytest.fixture(scope="module")
def collapsed(reproduced: Project) -> Project:
    """A project in which the experiment `collapse` was run."""
    printed = reproduced.ok("dvc", "exp", "run", "-n", "collapse", "-S", "+experiment=collapse")
    reproduced.write("printed.txt", printed)
    return reproduced


@pytest.fixture(scope="module")
def run(collapsed: Project):
    [found] = collapsed.tracked_runs("tags.dvc_exp_name = 'collapse'")
    return found


def test_training_prints_why_it_collapsed(collapsed: Project) -> None:
    printed = collapsed.read("printed.txt")
    assert "cause: softmax_over_samples" in printed
    assert "`exp` overflowed at iteration 324" in " ".join(printed.split())


def test_the_report_and_the_run_hold_the_same_diagnosis(collapsed: Project, run) -> None:
    page = collapsed.read("report/diagnosis.md")
    assert page.startswith("# Diverged")
    for part in (
        "sums over the samples",
        "each class's outputs sum to 1 over the batch",
        "| gradient error |",
        "| last accuracy |",
    ):
        assert part in page
    client = collapsed.store()
    assert Path(client.download_artifacts(run.info.run_id, "report/diagnosis.md")).read_text() == page
    files = {file.path for file in client.list_artifacts(run.info.run_id, "report")}
    assert "report/vital_signs.png" in files


def test_outcome_and_cause_are_tags_of_the_run(run) -> None:
    tags = run.data.tags
    assert (tags["outcome"], tags["cause"], tags["cause_iteration"]) == ("diverged", "softmax_over_samples", "0")
    assert run.data.params["fault"] == "softmax_over_samples"
    assert run.info.status == "FINISHED"


def test_vital_signs_are_logged_by_step_and_are_finite(collapsed: Project, run) -> None:
    client = collapsed.store()
    logits = {metric.step: metric.value for metric in client.get_metric_history(run.info.run_id, "largest_logit")}
    vitals = pd.read_csv(collapsed.root / "model" / "vitals.csv")
    assert logits == dict(zip(vitals.iteration, vitals.largest_logit, strict=True))
    assert [*logits] == [*range(10), *range(10, 100, 10), 100, 200, 300, 320]
    assert logits[0] < 5 < 500 < logits[320]
    names = {"prediction_entropy", "dead_units_1", "gradient_norm_2", "update_ratio_1", "loss_to_start", "stable_alpha"}
    assert names <= set(run.data.metrics)
    assert all(math.isfinite(value) for value in run.data.metrics.values())


def test_accuracy_stays_low_and_ends_with_one_digit_predicted(collapsed: Project) -> None:
    history = pd.read_csv(collapsed.root / "model" / "history.csv")
    assert 0.15 < history.accuracy.max() < 0.3
    assert history.accuracy.iloc[-1] < 0.12
    predicted = pd.read_csv(collapsed.root / "report" / "predictions.csv").predicted
    assert predicted.value_counts(normalize=True).max() > 0.95


def test_the_other_two_networks_in_the_readme_train(collapsed: Project) -> None:
    printed = collapsed.ok(*SWEEP, "+experiment=collapse,repaired,digits_sum")
    [path] = collapsed.root.glob("multirun/*/comparison/sweep.csv")
    table = pd.read_csv(path).set_index("cause", drop=False)
    assert sorted(table.cause.fillna("")) == ["none", "none", "softmax_over_samples"]
    collapsed_run = collapsed.tracked_runs("tags.dvc_exp_name = 'collapse'")[0]
    assert table.model_sha256["softmax_over_samples"] == collapsed_run.data.tags["model_sha256"]
    healthy = table.loc["none"].set_index("normalise")
    assert healthy.accuracy["unit"] > 0.97
    assert 0.93 < healthy.accuracy["divide_255"] < 0.97
    assert healthy.reduction["divide_255"] == "sum"
    assert "Causes: 2 none, 1 softmax_over_samples" in printed
    assert "Causes: 2 none, 1 softmax_over_samples" in path.with_name("summary.txt").read_text()
    sentences = [json.loads(file.read_text())["sentence"] for file in path.parents[1].glob("*/model/diagnosis.json")]
    assert sum("At this pace" in sentence for sentence in sentences) == 1  # of digits_sum, which is still learning


def test_a_sweep_over_all_faults_names_each_cause(collapsed: Project) -> None:
    assert "-S iterations=200" in collapsed.ok(*SWEEP, "+experiment=faults")
    parent = collapsed.tracked_runs("tags.sweep_key != ''")[-1]
    children = collapsed.tracked_runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {run.data.params["fault"]: run.data.tags["cause"] for run in children} == {
        "null": "none",
        "softmax_over_samples": "softmax_over_samples",
        "softmax_unshifted": "none",  # harmless while no logit is large
        "gradient_sign": "gradient_sign",
        "gradient_without_mean": "gradient_scale",
        "relu_mask_missing": "activation_derivative",
        "transposed_product": "error_not_carried",
    }
    client = collapsed.store()
    for child in children:
        assert [file.path for file in client.list_artifacts(child.info.run_id, "report")] == ["report/diagnosis.md"]
        assert "largest_logit" in child.data.metrics
    assert 0 < parent.data.metrics["alpha_predictions_right"] <= 1
