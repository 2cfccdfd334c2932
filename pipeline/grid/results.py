"""The results of a sweep: a row per point, and a summary."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from pipeline.core.diagnosis.diagnosis import FAILED, Diagnosis
from pipeline.core.training import Record, Training
from pipeline.settings.schema import Settings

SHOWN = 10
# The causes that a smaller alpha fixes.
BY_ALPHA = ("alpha_too_large", "summed_gradients", "inputs_not_scaled", "batch_too_small")
WORST = sys.float_info.max


class Result(NamedTuple):
    """The result of a point, trained now or earlier."""

    settings: Settings
    training: Training
    diagnosis: Diagnosis
    model_sha256: str


def validation_loss(training: Training) -> float:
    """What a sweeper minimises: the final validation loss, or the largest finite number after a divergence."""
    return training.history[-1].validation_loss if not training.diverged else WORST


def row(result: Result) -> dict[str, Any]:
    """A point's row: settings, outcome, final metrics and best metrics."""
    config = {name: as_cell(value) for name, value in result.settings.of_the_model().items()}
    training, diagnosis = result.training, result.diagnosis
    last = training.history[-1]._asdict() if training.history else dict.fromkeys(Record._fields)
    best = max(training.history, key=lambda record: record.validation_accuracy, default=None)
    return {
        **config,
        "outcome": diagnosis.outcome,
        "cause": diagnosis.cause,
        "cause_iteration": diagnosis.cause_iteration,
        "stable_alpha": diagnosis.stable_alpha,
        "iterations_done": training.iterations,
        **{name: last[name] for name in Record._fields if name != "iteration"},
        "best_validation_accuracy": best and best.validation_accuracy,
        "best_iteration": best and best.iteration,
        "model_sha256": result.model_sha256,
    }


def as_cell(value: Any) -> Any:
    """A setting as a table cell; lists are in command-line syntax."""
    return str(value).replace(" ", "") if isinstance(value, list) else value


def comparison(results: Sequence[Result]) -> pd.DataFrame:
    """A row per point, best first by validation accuracy and then loss; diverged points come last."""
    nullable_integers = {"batch_size": "Int64", "cause_iteration": "Int64"}
    table = pd.DataFrame([row(result) for result in results]).astype(nullable_integers)
    table["diverged"] = table.outcome == "diverged"
    settings = list(Settings.model_fields)
    order = ["diverged", "validation_accuracy", "validation_loss", *settings]
    table = table.sort_values(order, ascending=[True, False, *[True] * (1 + len(settings))], ignore_index=True)
    return table.drop(columns="diverged")


def varied(table: pd.DataFrame) -> list[str]:
    """The settings that differ between points."""
    return [name for name in Settings.model_fields if len(table[name].unique()) > 1]


def best_settings(table: pd.DataFrame) -> str:
    """The best point's value of every varied setting, in command-line syntax."""
    best = table.iloc[0]
    return " ".join(f"{name}={'null' if pd.isna(best[name]) else best[name]}" for name in varied(table))


def summary(table: pd.DataFrame) -> dict[str, float]:
    """A sweep's own metrics: the number of points, how many diverged, and how good the best is."""
    best = table.iloc[0][["validation_accuracy", "validation_loss"]].dropna()
    counts = {"points": len(table), "diverged": int((table.outcome == "diverged").sum())}
    predicted = Predictions.of(table)
    share = {"alpha_predictions_right": predicted.share} if predicted.points else {}
    return counts | share | {f"best_{name}": float(value) for name, value in best.items()}


class Predictions(NamedTuple):
    """How points fared below and above their predicted stable alpha."""

    below: int
    learned_below: int
    above: int
    failed_above: int

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Predictions":
        """From the rows of sweep.csv, without points that failed for a reason other than alpha."""
        failed = table.outcome.isin(FAILED) | table.cause.isin(BY_ALPHA)
        counted = table[table.stable_alpha.notna() & (~failed | table.cause.isin(BY_ALPHA))]
        above, failed = counted.alpha >= counted.stable_alpha, failed[counted.index]
        return cls(*(int(rows.sum()) for rows in (~above, ~above & ~failed, above, above & failed)))

    @property
    def points(self) -> int:
        """How many points are counted."""
        return self.below + self.above

    @property
    def share(self) -> float:
        """The share of points, 0 to 1, that went as predicted."""
        return (self.learned_below + self.failed_above) / self.points

    def __str__(self) -> str:
        return (
            f"Below the predicted stable alpha, {self.learned_below} of {self.below} points learned; "
            f"above it, {self.failed_above} of {self.above} failed."
        )


def causes_as_text(table: pd.DataFrame) -> str:
    """The number of points with each cause."""
    return ", ".join(f"{count} {cause}" for cause, count in table.cause.value_counts().items())


def best_as_text(table: pd.DataFrame) -> str:
    """The best points as a printable table."""
    best = table.head(SHOWN)
    settings = best[varied(table)].astype("string").fillna("null")
    columns = ["outcome", "cause", "validation_accuracy", "validation_loss", "accuracy"]
    return settings.join(best[columns]).to_string(
        index=False,
        formatters={
            "validation_accuracy": "{:.2%}".format,
            "validation_loss": "{:.4g}".format,
            "accuracy": "{:.2%}".format,
        },
    )


def summary_as_text(table: pd.DataFrame) -> str:
    """The results of a sweep as text."""
    return f"{best_as_text(table)}\nCauses: {causes_as_text(table)}.\n{Predictions.of(table)}\n"
