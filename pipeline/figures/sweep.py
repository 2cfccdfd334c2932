"""Pictures of a sweep."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter

from pipeline.core.diagnosis.diagnosis import NO_CAUSE
from pipeline.core.training import Record
from pipeline.settings.schema import Settings

MAPS_PER_ROW = 5
LEGEND_LIMIT = 40
MAX_INCHES = 20.0
CAUSE_COLOURS = (
    "tomato",
    "lightgrey",
    "orange",
    "orchid",
    "skyblue",
    "rosybrown",
    "pink",
    "khaki",
    "lightsteelblue",
)
LINE_STYLES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (1, 4)))


def accuracy_maps(table: pd.DataFrame) -> Figure:
    """Maps of validation accuracy over alpha and init, one per number of iterations, from the rows of sweep.csv.

    A cell is the mean over points that differ in other settings. If any of them has a cause, the cell takes the colour
    of the most frequent cause.
    """
    counts = sorted(table.iterations.unique())
    alphas, inits = sorted(table.alpha.unique()), list(dict.fromkeys(table.init.sort_values()))
    causes = sorted({*table.cause} - {NO_CAUSE})
    colours = dict(zip(causes, cycle(CAUSE_COLOURS), strict=False))
    across = min(len(counts), MAPS_PER_ROW)
    down = math.ceil(len(counts) / across)
    width, height = 2.2 + across * (0.7 + 0.55 * len(alphas)), 1.2 + down * (0.8 + 0.42 * len(inits))
    figure = Figure(figsize=(min(width, MAX_INCHES), min(height, MAX_INCHES)), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    for each, count in zip(axes.flat, counts, strict=False):
        accuracy_map(each, table[table.iterations == count], alphas, inits, colours)
        each.set_title(f"{count} iterations")
    for unused in axes.flat[len(counts) :]:
        unused.set_axis_off()
    figure.suptitle("Validation accuracy in %")
    patches = [Patch(color=colour, label=cause.replace("_", " ")) for cause, colour in colours.items()]
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False)
    return figure


def accuracy_map(
    axes: Axes, points: pd.DataFrame, alphas: Sequence[float], inits: Sequence[str], colours: Mapping[str, str]
) -> None:
    """Draw one map."""
    cells = {
        (init, alpha): points[(points.init == init) & (points.alpha == alpha)] for init in inits for alpha in alphas
    }
    means = {place: cell.validation_accuracy.mean() for place, cell in cells.items()}
    shares = np.array(list(means.values()), dtype=float).reshape(len(inits), len(alphas))
    axes.imshow(shares, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(alphas)), [f"{alpha:g}" for alpha in alphas])
    axes.set_yticks(range(len(inits)), inits)
    axes.set_xlabel("alpha")
    for (down, across), share in np.ndenumerate(shares):
        causes = cells[inits[down], alphas[across]].cause
        failing = causes[causes != NO_CAUSE].mode()
        if len(failing):
            axes.add_patch(Rectangle((across - 0.5, down - 0.5), 1, 1, color=colours[failing[0]]))
        word = "" if np.isnan(share) else f"{100 * share:.1f}"
        colour = "white" if share < 0.6 and not len(failing) else "black"
        axes.text(across, down, word, ha="center", va="center", fontsize=8, color=colour)


def learning_curves(points: Sequence[tuple[Settings, Sequence[Record]]]) -> Figure:
    """Validation accuracy over the iterations, from each point's settings and history."""
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    axes = figure.subplots()
    inits = sorted({settings.init for settings, _ in points})
    alphas = sorted({settings.alpha for settings, _ in points})
    colours = colormaps["plasma"](np.linspace(0, 0.85, len(alphas)))
    for settings, history in points:
        axes.plot(
            [record.iteration for record in history],
            [record.validation_accuracy for record in history],
            color=colours[alphas.index(settings.alpha)],
            linestyle=LINE_STYLES[inits.index(settings.init) % len(LINE_STYLES)],
            linewidth=1,
            label=f"{settings.init} α={settings.alpha:g}",
        )
    axes.set(title="Validation accuracy", xlabel="iteration", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    lines, labels = axes.get_legend_handles_labels()
    each = dict(zip(labels, lines, strict=True))
    if len(each) <= LEGEND_LIMIT:
        figure.legend(each.values(), each, loc="outside right upper", frameon=False, fontsize=7)
    return figure
