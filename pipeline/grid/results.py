"""What a sweep found out: a row for each point, and the best of them."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from pipeline.core.training import Record, Training
from pipeline.settings import Settings

SHOWN = 10
WORST = sys.float_info.max


class Result(NamedTuple):
    """A point that was trained, now or before."""

    settings: Settings
    training: Training
    model_sha256: str
    run: str  # its id in MLflow


def validation_loss(training: Training) -> float:
    """What a sweeper makes small: the validation loss at the end, and the worst finite number after a divergence."""
    return training.history[-1].validation_loss if training.outcome == "finished" else WORST


def row(result: Result) -> dict[str, Any]:
    """A point's row: its settings, its outcome, its last metrics and its best ones."""
    config = {name: as_cell(value) for name, value in result.settings.of_the_model().items()}
    training = result.training
    last = training.history[-1]._asdict() if training.history else dict.fromkeys(Record._fields)
    best = max(training.history, key=lambda record: record.validation_accuracy, default=None)
    return {
        **config,
        "outcome": training.outcome,
        "iterations_done": training.iterations,
        **{name: last[name] for name in Record._fields if name != "iteration"},
        "best_validation_accuracy": best and best.validation_accuracy,
        "best_iteration": best and best.iteration,
        "model_sha256": result.model_sha256,
        "run_id": result.run,
    }


def as_cell(value: Any) -> Any:
    """A setting as it stands in a table: a list as one types it."""
    return str(value).replace(" ", "") if isinstance(value, list) else value


def comparison(results: Sequence[Result]) -> pd.DataFrame:
    """A row for each point, the best first: finished, then by validation accuracy, then by validation loss."""
    table = pd.DataFrame([row(result) for result in results]).astype({"batch_size": "Int64"})  # whole even beside null
    settings = list(Settings.model_fields)
    order = ["outcome", "validation_accuracy", "validation_loss", *settings]
    return table.sort_values(order, ascending=[False, False, *[True] * (1 + len(settings))], ignore_index=True)


def varied(table: pd.DataFrame) -> list[str]:
    """The settings in which the points differ."""
    return [name for name in Settings.model_fields if len(table[name].unique()) > 1]


def best_settings(table: pd.DataFrame) -> str:
    """The settings of the best point in which it differs from others, as one types them."""
    best = table.iloc[0]
    return " ".join(f"{name}={'null' if pd.isna(best[name]) else best[name]}" for name in varied(table))


def summary(table: pd.DataFrame) -> dict[str, float]:
    """A sweep's own metrics: how many points there are, how many diverged, and how good the best one is."""
    best = table.iloc[0][["validation_accuracy", "validation_loss"]].dropna()
    counts = {"points": len(table), "diverged": int((table.outcome == "diverged").sum())}
    return counts | {f"best_{name}": float(value) for name, value in best.items()}


def best_as_text(table: pd.DataFrame) -> str:
    """The best points as a table to be printed."""
    shown = table.head(SHOWN)[[*varied(table), "outcome", "validation_accuracy", "validation_loss", "accuracy"]]
    return shown.to_string(
        index=False,
        formatters={
            "validation_accuracy": "{:.2%}".format,
            "validation_loss": "{:.4g}".format,
            "accuracy": "{:.2%}".format,
        },
    )
