"""Pictures of a sweep, laid out by the settings that it varies."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from string import ascii_lowercase
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter

from pipeline.comparison.seeds import by_setting, setting_of, typed, varied_settings
from pipeline.core.diagnosis.causes import CAUSES
from pipeline.core.diagnosis.diagnosis import NO_CAUSE
from pipeline.core.training import Record

WIDEST, TALLEST = 10.0, 20.0  # inches; MLflow's page for a picture shows 1200 pixels
CELL_WIDTH, CELL_HEIGHT = 0.62, 0.5  # inches, for numbers that can be read
FONT_SIZE = 9
LONG = 7  # characters: what is longer does not fit below a cell
SMALL: dict[str, Any] = {"frameon": False, "fontsize": FONT_SIZE}  # of a legend
ACCURACIES = colormaps["Blues"].resampled(256)
OF_CAUSES = (  # no blue: that means accuracy
    "tomato",
    "gold",
    "lightgrey",
    "orchid",
    "sandybrown",
    "yellowgreen",
    "lightpink",
    "darkkhaki",
    "rosybrown",
    "plum",
    "peachpuff",
    "darkseagreen",
)
LINE_STYLES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (1, 4)))


class Layout(NamedTuple):
    """Which settings are the axes of a map, and which tell maps apart."""

    across: str
    down: str
    others: list[str]

    @classmethod
    def of(cls, settings: pd.DataFrame) -> "Layout":
        """Alpha goes across and init down if they vary; otherwise the settings with the most values."""
        counts = {name: len(settings[name].unique()) for name in varied_settings(settings)}
        by_size = sorted(counts, key=lambda name: counts[name], reverse=True)
        across = "alpha" if "alpha" in by_size or not by_size else by_size[0]
        rest = [name for name in by_size if name != across]
        down = "init" if "init" in rest or not rest else rest[0]
        if longest(settings, across) > max(LONG, longest(settings, down)):
            across, down = down, across
        return cls(across, down, [name for name in rest if name not in (across, down)])


def longest(settings: pd.DataFrame, name: str) -> int:
    """The length of the longest label that a setting needs."""
    return max(len(short(value)) for value in values_of(settings, name))


def colour_of(cause: str) -> str:
    """A cause's colour, the same in every picture."""
    return OF_CAUSES[list(CAUSES).index(cause) % len(OF_CAUSES)]


def values_of(settings: pd.DataFrame, name: str) -> list[Any]:
    """The values of a setting in order, numbers by size; null comes last."""
    known = settings[name].unique().tolist()
    return sorted(known, key=lambda value: (pd.isna(value), value if not pd.isna(value) else 0))


def heading(points: pd.DataFrame) -> str:
    """What a picture shows."""
    seeds = points.seed.nunique()
    over = f", mean and standard deviation over {seeds} seeds" if seeds > 1 else ""
    return f"{' and '.join(points.dataset.unique())}: validation accuracy in %{over}"


def accuracy_maps(points: pd.DataFrame) -> Figure:
    """Maps of the validation accuracy in %, from the rows of sweep.csv.

    A cell is a setting's mean over its seeds, with the standard deviation. If the setting has a cause, the cell has
    the colour and the letter of that cause.
    """
    settings = by_setting(points)
    layout = Layout.of(settings)
    columns, rows = values_of(settings, layout.across), values_of(settings, layout.down)
    labels = 0.1 * longest(settings, layout.down)  # inches
    maps = list(product(*(values_of(settings, name) for name in layout.others)))
    width, height = CELL_WIDTH * len(columns) + 0.3, CELL_HEIGHT * len(rows) + 0.7
    across = min(len(maps), max(1, int((WIDEST - 0.8 - labels) / width)))
    down = min(math.ceil(len(maps) / across), max(1, int(TALLEST / height)))
    causes = [cause for cause in CAUSES if cause in set(settings.cause)]
    legend_rows = math.ceil(len(causes) / 2)
    size = max(5.5, min(0.8 + labels + across * width, WIDEST)), min(0.8 + down * height + 0.3 * legend_rows, TALLEST)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    for each in axes.flat:
        each.set_axis_off()
    for each, values in zip(axes.flat, maps, strict=False):
        chosen = settings
        for name, value in zip(layout.others, values, strict=True):
            chosen = chosen[chosen[name].map(typed) == typed(value)]
        each.set_axis_on()
        each.set_title("\n".join(map(named, layout.others, values)), fontsize=FONT_SIZE)
        draw_map(each, chosen, layout, columns, rows, causes)
    shown = f" ({axes.size} of {len(maps)} maps)" if len(maps) > axes.size else ""
    figure.suptitle(f"{heading(points)}{shown}", fontsize=11)
    if causes:
        patches = [
            Patch(color=colour_of(cause), label=f"{letter}  {cause.replace('_', ' ')}")
            for cause, letter in lettered(causes).items()
        ]
        figure.legend(handles=patches, loc="outside lower center", ncols=3 if size[0] > 7 else 2, **SMALL)
    return figure


def lettered(causes: Sequence[str]) -> dict[str, str]:
    """A letter for each cause, for those who can't tell the colours apart."""
    return {cause: ascii_lowercase[place % 26] for place, cause in enumerate(causes)}


def draw_map(
    axes: Axes, settings: pd.DataFrame, layout: Layout, columns: list[Any], rows: list[Any], causes: Sequence[str]
) -> None:
    """Draw one map."""
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel=layout.across)
    axes.set_xticks(range(len(columns)), [short(value) for value in columns], fontsize=FONT_SIZE)
    axes.set_yticks(range(len(rows)), [short(value) for value in rows], fontsize=FONT_SIZE)
    axes.tick_params(length=0)
    records: list[Any] = list(settings.itertuples())
    for setting in records:
        at = index_of(columns, getattr(setting, layout.across)), index_of(rows, getattr(setting, layout.down))
        failed = setting.cause != NO_CAUSE
        colour = colour_of(str(setting.cause)) if failed else ACCURACIES(0.75 * setting.validation_accuracy)
        axes.add_patch(Rectangle((at[0] - 0.5, at[1] - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
        if len(columns) * CELL_WIDTH <= WIDEST:
            axes.text(*at, words(setting, lettered(causes)), ha="center", va="center", fontsize=FONT_SIZE)


def words(setting: Any, letters: Mapping[str, str]) -> str:
    """What a cell says: accuracy, letter of its cause, spread."""
    letter = letters.get(setting.cause, "")
    spread = f"\n±{100 * setting.validation_accuracy_std:.1f}" if setting.seeds > 1 else ""
    return f"{100 * setting.validation_accuracy:.1f} {letter}".rstrip() + spread


def named(name: str, value: Any) -> str:
    """A setting with its value, as a label."""
    return f"{name}={short(value)}"


def short(value: Any) -> str:
    """A setting's value as a label."""
    return f"{value:g}" if isinstance(value, float) and not pd.isna(value) else typed(value)


def index_of(values: Sequence[Any], value: Any) -> int:
    """The place of a value among all; null is a value too."""
    return [typed(known) for known in values].index(typed(value))


def learning_curves(points: pd.DataFrame, histories: Mapping[str, Sequence[Record]]) -> Figure:
    """Validation accuracy over the iterations, from the rows of sweep.csv and the history of each model by its sha256.

    There is a line for each setting: the mean over its seeds, in a band of one standard deviation.
    """
    settings = by_setting(points)
    layout = Layout.of(settings)
    columns, rows = values_of(settings, layout.across), values_of(settings, layout.down)
    colours = colormaps["turbo"](np.linspace(0.05, 0.95, len(columns)))
    figure = Figure(figsize=(WIDEST, 5.5), layout="constrained")
    axes = figure.subplots()
    of_setting = points.groupby(setting_of(points)).model_sha256
    for number, models in of_setting:
        setting = settings.loc[number]
        curve = mean_and_spread([histories[sha256] for sha256 in models])
        colour = colours[index_of(columns, setting[layout.across])]
        style = style_of(index_of(rows, setting[layout.down]))
        axes.plot(curve.index, curve["mean"], color=colour, linestyle=style, linewidth=1.2)
        band = curve["mean"] - curve["std"], curve["mean"] + curve["std"]
        axes.fill_between(curve.index, *band, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="iteration", ylim=(0, 1.02))
    axes.set_title(heading(points), fontsize=11)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    of_columns = [
        {"color": colour, "label": named(layout.across, v)} for colour, v in zip(colours, columns, strict=True)
    ]
    of_rows = [{"linestyle": style_of(place), "label": named(layout.down, v)} for place, v in enumerate(rows)]
    lines = [Line2D([], [], **({"color": "black"} | how)) for how in [*of_columns, *of_rows]]
    figure.legend(handles=lines, loc="outside right upper", **SMALL)
    return figure


def style_of(place: int) -> Any:
    """The line style of a value, by its place among all."""
    return LINE_STYLES[place % len(LINE_STYLES)]


def mean_and_spread(histories: Sequence[Sequence[Record]]) -> pd.DataFrame:
    """The mean and the standard deviation (0 for one seed) of the validation accuracy at each iteration."""
    rows = pd.DataFrame([row for history in histories for row in history], columns=Record._fields)
    return rows.groupby("iteration").validation_accuracy.agg(["mean", "std"]).fillna(0.0)
