"""Pictures for the report on a model.

Their margins are fixed. Matplotlib's layout engines measure every text first, which takes as long as drawing.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline.core.arrays import Array
from pipeline.core.assessment import recall
from pipeline.core.training import Record, Vitals

TRAINING, VALIDATION = "#1f77b4", "#d95f02"
FEW = 10  # curves with fewer points get markers
UNITS_SHOWN = 40
MISTAKES_SHOWN = 24
PER_ROW = 8
CELL_WIDTH, CELL_HEIGHT = 1.2, 1.4  # of an image with its margin, in image widths
HEADING_HEIGHT = 0.3  # inches


def headed(figure: Figure, heading: str) -> Figure:
    """The figure, grown by a line at its top that says which training it shows."""
    width, height = figure.get_size_inches()
    grown = height + HEADING_HEIGHT
    margins = figure.subplotpars
    figure.subplots_adjust(bottom=margins.bottom * height / grown, top=margins.top * height / grown)
    figure.set_size_inches(width, grown)
    top = 1 - 0.6 * HEADING_HEIGHT / grown
    figure.text(0.5, top, heading, ha="center", va="center", color="dimgrey", fontsize=9, wrap=True)
    return figure


def learning_curve(history: Sequence[Record], batch_size: int | None) -> Figure:
    """Loss and accuracy over the iterations, on the training images or one batch of them, and on validation images."""
    trained_on = f"training, {batch_size} images at a time" if batch_size else "training"
    rows = pd.DataFrame(history, columns=Record._fields)
    figure = Figure(figsize=(10, 4))
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.13, top=0.92, wspace=0.2)
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        marker = "o" if len(rows) < FEW else ""
        axes.plot(rows.iteration, rows[quantity], marker=marker, color=TRAINING, label=trained_on)
        validation = rows[f"validation_{quantity}"]
        axes.plot(rows.iteration, validation, marker=marker, color=VALIDATION, label="validation")
        axes.set(title=quantity.capitalize(), xlabel="iteration")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if quantity == "accuracy":
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        elif len(rows) and rows.loss.min() > 0:
            axes.set_yscale("log")
        axes.legend(frameon=False)
    return figure


def vital_signs(vitals: Sequence[Vitals], classes: int) -> Figure:
    """The vital signs of `core.vitals` over the iterations, one plot each."""
    rows = pd.DataFrame([row.flat() for row in vitals])
    figure = Figure(figsize=(10, 6.5))
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.08, top=0.95, wspace=0.2, hspace=0.3)
    titles = {
        "largest_logit": "Largest logit",
        "prediction_entropy": "Entropy of the predictions: 0 if all are one class",
        "dead_units": "Share of units that are off for every image",
        "update_ratio": "Size of an update over that of the parameters",
    }
    for axes, (name, title) in zip(figure.subplots(2, 2).flat, titles.items(), strict=True):
        for column in rows.filter(regex=rf"^{name}(_\d+)?$"):
            layer = str(column).removeprefix(name).removeprefix("_")
            label = f"layer {layer}" if layer else "network"
            axes.plot(rows.iteration, rows[column], marker="o", markersize=3, label=label)
        axes.set(title=title, xlabel="iteration")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if name == "prediction_entropy":
            axes.axhline(np.log(classes), color="grey", linestyle="--", label="all classes alike")
            axes.set_ylim(-0.05, 1.1 * np.log(classes))
        elif name == "dead_units":
            axes.set_ylim(-0.02, 1.02)
        elif len(rows) and (rows.filter(regex=f"^{name}") > 0).all(axis=None):
            axes.set_yscale("log")
        if len(rows):
            axes.legend(frameon=False)
    return figure


def confusion_matrix(confusion: Array) -> Figure:
    """Counts (classes, classes), shaded by their share of the row, with each class's recall on the right."""
    classes = len(confusion)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    recalls = recall(confusion)
    figure = Figure(figsize=(7.5, 7))
    figure.subplots_adjust(left=0.07, right=0.91, bottom=0.07, top=0.95)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for actual, predicted in np.ndindex(confusion.shape):
        if confusion[actual, predicted]:
            colour = "white" if shares[actual, predicted] > 0.5 else "black"
            axes.text(predicted, actual, str(confusion[actual, predicted]), ha="center", va="center", color=colour)
    axes.set(xlabel="predicted", ylabel="actual", xticks=range(classes), yticks=range(classes))
    axes.set_title("Confusion matrix (test), recall at the right")
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(classes), [f"{recalls[k]:.1%}" if k in recalls else "none" for k in range(classes)])
    right.tick_params(length=0)
    return figure


def first_layer_weights(weights: Array, image_shape: tuple[int, int]) -> Figure:
    """The first layer's weights (d, H), one image per unit, each on its own colour scale."""
    shown = weights[:, :UNITS_SHOWN].T
    reach = np.abs(shown).max(axis=1, keepdims=True)
    images = (shown / np.where(reach > 0, reach, 1)).reshape(-1, *image_shape)
    captions = [f"unit {unit}" for unit in range(len(images))]
    title = f"Weights of the first layer's units, {len(images)} of {weights.shape[1]}: red for, blue against"
    return contact_sheet(title, images, captions, "RdBu_r", (-1, 1))


def confident_mistakes(images: Array, predictions: pd.DataFrame) -> Figure:
    """Misclassified images (m, rows, columns), most confident first, captioned from their rows of predictions.csv."""
    rows: list[Any] = list(predictions.head(MISTAKES_SHOWN).itertuples())
    captions = [f"{row.actual} taken for {row.predicted}\n{sureness(row.confidence)}" for row in rows]
    title = f"Wrongly classified test images: {title_end(predictions)}"
    return contact_sheet(title, images[: len(captions)], captions, "gray_r", (0, images.max(initial=1)))


def title_end(predictions: pd.DataFrame) -> str:
    """How many mistakes are shown, of how many, and in which order. Without confidences they are as in the dataset."""
    if predictions.empty:
        return "none"
    order = ", the surest first" if predictions.confidence.notna().any() else ""
    return f"{min(MISTAKES_SHOWN, len(predictions))} of {len(predictions)}{order}"


def sureness(confidence: float) -> str:
    """A probability in words, exact enough for a network that is hardly sure; empty if a divergence left none."""
    return f"{100 * confidence:.3g}% sure" if math.isfinite(confidence) else ""


def contact_sheet(
    title: str, images: Array, captions: Sequence[str], colours: str, limits: tuple[float, float]
) -> Figure:
    """Images (m, rows, columns) side by side. They share one Axes, which draws far faster than m."""
    rows = max(1, math.ceil(len(images) / PER_ROW))
    height = 0.6 + 1.5 * rows
    figure = Figure(figsize=(10, height))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=1 - 0.4 / height)
    axes = figure.subplots()
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        down, right = divmod(place, PER_ROW)
        left, top = right * CELL_WIDTH, down * CELL_HEIGHT
        axes.imshow(image, cmap=colours, vmin=limits[0], vmax=limits[1], extent=(left, left + 1, top + 1, top))
        axes.text(left + 0.5, top - 0.04, caption, ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(0, PER_ROW * CELL_WIDTH), ylim=(rows * CELL_HEIGHT - 0.3, -0.35), title=title)
    axes.set_axis_off()
    return figure
