"""The results of a sweep: a row per point, and a summary."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from pipeline.comparison.seeds import by_setting, luck_as_text, score, setting_of, typed, usable, varied_settings
from pipeline.core.diagnosis.diagnosis import FAILED, Diagnosis
from pipeline.core.training import Record, Training
from pipeline.settings.schema import Settings

SHOWN = 10
# The causes that a smaller alpha fixes.
BY_ALPHA = ("alpha_too_large", "summed_gradients", "inputs_not_scaled", "batch_too_small")
LESS_THAN_AN_IMAGE = 1e-6
UNUSABLE = 2.0


class Result(NamedTuple):
    """The result of a point, trained now or earlier."""

    settings: Settings
    training: Training
    diagnosis: Diagnosis
    model_sha256: str


def objectives(results: Sequence[Result]) -> list[float]:
    """What a sweeper minimises for each result, so that its best point is the table's.

    It is the share of validation images that the network gets wrong, from 0 to 1. The loss adds less than an image to
    it, and so decides between equals. A point that can't be the best gets 2.
    """
    table = rows(results)
    loss = table.validation_loss.astype(float)
    wrong = 1 - table.validation_accuracy.astype(float) + LESS_THAN_AN_IMAGE * (1 - 1 / (1 + loss))
    return wrong.where(usable(table), UNUSABLE).to_list()


def rows(results: Sequence[Result]) -> pd.DataFrame:
    """A row per point."""
    nullable_integers = {"batch_size": "Int64", "cause_iteration": "Int64"}
    return pd.DataFrame([row(result) for result in results]).astype(nullable_integers)


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
    """A row per point: the best setting first, by its mean over seeds, and of each setting the best seed first."""
    table = rows(results)
    place = {setting: place for place, setting in enumerate(by_setting(table).index)}
    ranks = table.assign(place=setting_of(table).map(place), score=-score(table))
    order = ranks.sort_values(["place", "score", "validation_loss", "seed"]).index
    return table.loc[order].reset_index(drop=True)


def varied(table: pd.DataFrame) -> list[str]:
    """The settings that differ between points."""
    return [name for name in Settings.model_fields if len(table[name].unique()) > 1]


def has_best(table: pd.DataFrame) -> bool:
    """Whether the first row is the best point: one that diverged or has a built-in fault is not."""
    return bool(usable(table).iloc[0])


def best_settings(table: pd.DataFrame) -> str:
    """The best setting's value of everything varied except seeds, in command-line syntax; "" if there is none."""
    best = table.iloc[0]
    names = varied_settings(table)
    return " ".join(f"{name}={typed(best[name])}" for name in names) if has_best(table) else ""


def summary(table: pd.DataFrame) -> dict[str, float]:
    """A sweep's own metrics: the number of points, how many diverged, and how good the best setting is."""
    counts = {"points": len(table), "diverged": int((table.outcome == "diverged").sum())}
    predicted = Predictions.of(table)
    share = {"alpha_predictions_right": predicted.share} if predicted.points else {}
    best = by_setting(table).iloc[0][["validation_accuracy", "validation_accuracy_std", "validation_loss"]].dropna()
    of_the_best = {f"best_{name}": float(value) for name, value in best.items()} if has_best(table) else {}
    return counts | share | of_the_best


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
        below = f"below the predicted stable alpha, {self.learned_below} of {self.below} points learned"
        above = f"above the predicted stable alpha, {self.failed_above} of {self.above} points failed"
        said = "; ".join(words for words, points in ((below, self.below), (above, self.above)) if points)
        return f"{said[:1].upper()}{said[1:]}."


def causes_as_text(table: pd.DataFrame) -> str:
    """The number of points with each cause."""
    return ", ".join(f"{count} {cause}" for cause, count in table.cause.value_counts().items())


def best_as_text(table: pd.DataFrame) -> str:
    """The best settings as a printable table, with their spread if there are several seeds."""
    settings = by_setting(table)
    names = varied_settings(table)
    has_seeds = settings.seeds.max() > 1
    columns = ["seeds", "outcome", "cause", "validation_accuracy", "validation_accuracy_std", "validation_loss"]
    shown = [name for name in columns if has_seeds or name not in ("seeds", "validation_accuracy_std")]
    best = settings.head(SHOWN)
    cells = best[names].astype("string").fillna("null").join(best[shown])
    percent = "{:.2%}".format
    text: str = cells.rename(columns={"validation_accuracy_std": "std"}).to_string(
        index=False,
        formatters={"validation_accuracy": percent, "std": percent, "validation_loss": "{:.4g}".format},
    )
    return text if len(settings) <= SHOWN else f"{text}\nThe {SHOWN} best of {len(settings)} settings."


def summary_as_text(table: pd.DataFrame) -> str:
    """The results of a sweep as text."""
    predicted = Predictions.of(table)
    said_of_alpha = str(predicted) if predicted.points else ""
    parts = [best_as_text(table), f"Causes: {causes_as_text(table)}.", said_of_alpha, luck_as_text(table)]
    return "\n".join(filter(None, parts)) + "\n"
