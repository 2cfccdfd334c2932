"""Settings compared over seeds: their mean and spread, and whether the best is better by more than luck.

The best setting is paired with the next, seed by seed, and their differences undergo Student's t-test (two-sided, 5 %).
Picking the two best first makes the test more careful, not less: the more settings are equally good, the closer are
the best two of them.
"""

from math import ceil
from statistics import NormalDist
from typing import NamedTuple

import pandas as pd

from pipeline.settings.schema import Settings

SETTING = [name for name in Settings.model_fields if name != "seed"]
CONFIDENCE, POWER = 0.95, 0.8
ROUNDING = 1e-9  # what accuracies may differ by without a reason
MOST_SEEDS = 1000  # beyond these, two settings are as good as equal


class Duel(NamedTuple):
    """The best setting against the next: the difference of their validation accuracies."""

    seeds: int  # that both have
    mean: float
    spread: float  # the standard deviation over seeds
    low: float  # of the confidence interval
    high: float

    @classmethod
    def of(cls, differences: pd.Series) -> "Duel":
        """From the difference for each seed, at least two."""
        from scipy.stats import t

        count, mean, spread = len(differences), float(differences.mean()), float(differences.std())
        reach = float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * spread / count**0.5
        return cls(count, mean, spread, mean - reach, mean + reach)

    @property
    def is_decided(self) -> bool:
        """Whether the best is better by more than its seeds vary. Equal differences say nothing about their spread."""
        return self.spread > ROUNDING and self.low > 0

    @property
    def seeds_needed(self) -> int | None:
        """About how many seeds would settle it, with the probability POWER; None if far too many would be needed."""
        normal = NormalDist()
        reach = normal.inv_cdf((1 + CONFIDENCE) / 2) + normal.inv_cdf(POWER)
        if self.mean <= 0 or reach * self.spread / self.mean > MOST_SEEDS**0.5:
            return None
        return max(self.seeds + 1, ceil((reach * self.spread / self.mean) ** 2) + 2)


def score(points: pd.DataFrame) -> pd.Series:
    """The validation accuracy that ranks each point; 0 if it diverged."""
    return points.validation_accuracy.where(points.outcome != "diverged", 0.0)


def usable(points: pd.DataFrame) -> pd.Series:
    """Which points can be the best: those that neither diverged nor have a built-in fault."""
    return (points.outcome != "diverged") & points.fault.isna()


def setting_of(points: pd.DataFrame) -> pd.Series:
    """A number for each point that it shares with all points that differ only in the seed."""
    return points.groupby(SETTING, dropna=False, sort=False).ngroup()


def by_setting(points: pd.DataFrame) -> pd.DataFrame:
    """A row for each setting, indexed by its number, from the rows of sweep.csv.

    The best comes first, by its mean over seeds. A setting that diverged with any seed, or that has a built-in fault,
    comes last.
    """
    scored = points.assign(setting=setting_of(points), score=score(points), usable=usable(points))
    groups = scored.groupby("setting")
    table = groups[SETTING].first()
    table["seeds"] = groups.seed.nunique()
    table["validation_accuracy"] = groups.score.mean()
    table["validation_accuracy_std"] = groups.score.std()
    table["validation_loss"] = groups.validation_loss.mean()
    for name in ("outcome", "cause"):
        table[name] = groups[name].agg(lambda words: words.mode()[0])
    table["usable"] = groups.usable.all()
    order = ["usable", "validation_accuracy", "validation_loss", *SETTING]
    ascending = [False, False, True, *[True] * len(SETTING)]
    return table.sort_values(order, ascending=ascending)


def duel(points: pd.DataFrame, best: int, other: int) -> Duel | None:
    """Compare two settings over the seeds that both have; None if those are fewer than two."""
    scores = points.assign(setting=setting_of(points), score=score(points)).set_index(["setting", "seed"]).score
    differences = (scores[best] - scores[other]).dropna()
    return Duel.of(differences) if len(differences) > 1 else None


def luck_as_text(points: pd.DataFrame) -> str:
    """Whether the best setting is better than the next by more than luck, in a sentence; "" if there is no next."""
    settings = by_setting(points)
    settings = settings[settings.usable]
    if len(settings) < 2:
        return ""
    best, other = settings.index[:2]
    names = label(settings, best), label(settings, other)
    found = duel(points, best, other)
    if found is None:
        return f"{names[0]} may have beaten {names[1]} by luck: add 'seed=range(5)' to find out."
    interval = f"95 % interval {100 * found.low:.2f} to {100 * found.high:.2f}, paired over {found.seeds} seeds"
    lead = f"{names[0]} leads {names[1]} by {100 * found.mean:.2f} points of accuracy ({interval})"
    if found.is_decided:
        return f"{lead}: more than luck."
    needed = found.seeds_needed
    more = f"about {needed} seeds would settle it" if needed else "they look equally good"
    return f"{lead}. That may be luck: {more}."


def label(settings: pd.DataFrame, number: int) -> str:
    """A setting's values of what differs between settings, in command-line syntax."""
    return " ".join(f"{name}={typed(settings.loc[number, name])}" for name in varied_settings(settings))


def varied_settings(table: pd.DataFrame) -> list[str]:
    """The settings, except for the seed, that differ between rows."""
    return [name for name in SETTING if len(table[name].unique()) > 1]


def typed(value: object) -> str:
    """A cell of the table in command-line syntax."""
    return "null" if pd.isna(value) else str(value)  # type: ignore[call-overload]
