"""What came of a sweep: its tables and pictures, and what its command prints."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.comparison.results import Result, comparison, summary_as_text
from pipeline.comparison.seeds import by_setting
from pipeline.figures import png
from pipeline.figures.sweep import accuracy_maps, learning_curves
from pipeline.files.paths import replaced, shown
from pipeline.grid.tracked import TrackedSweep
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


def told(table: pd.DataFrame, tracked: TrackedSweep, best: str | None) -> str:
    """The comparison, where to look, and the command for the best point, if there is one."""
    lines = [summary_as_text(table).rstrip()]
    lines.append(f"{shown(tracked.directory)}/comparison/ has {TABLE}, {TABLE_OF_SETTINGS} and pictures.")
    lines.append(where_in_mlflow(tracked, len(table)))
    if best is None:
        lines.append(
            "There is no best point: each one diverged or has a built-in fault. "
            "`python -m pipeline.heal SETTING=VALUE ...` finds settings that learn."
        )
    else:
        lines.append(f"`{best}` trains the best point again and tests it.")
    return "\n".join(lines)


def where_in_mlflow(tracked: TrackedSweep, points: int) -> str:
    """In which runs of MLflow the points are, if they are there: a sweep's run has those that it trained itself."""
    if tracked.publisher.unreachable_since is not None:
        return "MLflow is unreachable: run `python -m pipeline.track` later to publish every point."
    if tracked.is_refused:
        return "Not everything is in MLflow, for the reasons above: see `make ui` or `mlflow ui` for the rest."
    where = f"under the run {tracked.kept.name!r}"
    if tracked.trained < points:
        where = f"{tracked.trained} of {points} {where} and the rest under earlier sweeps"
    return f"Every point is in MLflow, {where}: see `make ui` or `mlflow ui`."
