"""What came of a sweep: its tables and pictures, and what its command prints."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.comparison.results import Result, comparison, summary_as_text
from pipeline.comparison.seeds import by_setting
from pipeline.figures import png
from pipeline.figures.sweep import accuracy_maps, learning_curves
from pipeline.files.paths import replaced, shown
from pipeline.kept.directories import COMPARISON
from pipeline.tracking.sweeps import SUMMARY, TABLE

TABLE_OF_SETTINGS = "sweep_by_setting.csv"


def write_comparison(results: Sequence[Result], sweep: Path) -> pd.DataFrame:
    """Write the comparison of all points into a sweep's directory, and return its table."""
    table = comparison(results)
    with replaced(sweep / COMPARISON) as directory:
        table.to_csv(directory / TABLE, index=False, lineterminator="\n")
        by_setting(table).to_csv(directory / TABLE_OF_SETTINGS, index=False, lineterminator="\n")
        (directory / SUMMARY).write_text(summary_as_text(table), encoding="utf-8")
        png.save(accuracy_maps(table), directory / "accuracy.png")
        histories = {result.model_sha256: result.training.history for result in results}
        png.save(learning_curves(table, histories), directory / "curves.png")
    return table


def told(table: pd.DataFrame, sweep: Path, run: str | None, refused: bool, trained: int, best: str | None) -> str:
    """The comparison, where to look, and the command for the best point, if there is one.

    `run` is the name of the sweep's run, or None if MLflow is unreachable, and `trained` the points it trained itself.
    `refused` says whether MLflow will never have some of it, for which the user was given the reasons.
    """
    lines = [summary_as_text(table).rstrip()]
    lines.append(f"{shown(sweep)}/comparison/ has {TABLE}, {TABLE_OF_SETTINGS} and pictures.")
    if run is None:
        lines.append("MLflow is unreachable: run `python -m pipeline.track` later to publish every point.")
    elif refused:
        lines.append("Not all of it is in MLflow, for the reasons above: see `make ui` or `mlflow ui` for the rest.")
    else:
        lines.append(f"Every point is in MLflow, {where(run, trained, len(table))}: see `make ui` or `mlflow ui`.")
    if best is None:
        lines.append("There is no best point: each one diverged or has a built-in fault.")
    else:
        lines.append(f"`{best}` trains the best point again and tests it.")
    return "\n".join(lines)


def where(run: str, trained: int, points: int) -> str:
    """In which run of MLflow the points are, as far as this sweep trained them."""
    if trained == points:
        return f"under the run {run!r}"
    return f"{trained} of {points} under the run {run!r} and the rest under earlier sweeps"
