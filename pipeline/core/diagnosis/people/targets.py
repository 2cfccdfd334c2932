"""Targets in rows, one per sample, however the script encodes them."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding


def targets_of(y: Array, outputs: int) -> Array:
    """Targets (n, C) for a network with C outputs: class numbers become one-hot, and a wrong width is cut or padded.

    The first axis of `y` is the sample axis.
    """
    rows = y.reshape(len(y), -1).astype(np.float64)
    if rows.shape[1] == outputs:
        return rows
    if rows.shape[1] == 1:
        hot: Array = (np.arange(outputs) == rows).astype(float)
        return hot
    fitted = np.zeros((len(rows), outputs))
    common = min(outputs, rows.shape[1])
    fitted[:, :common] = rows[:, :common]
    return fitted


def wrong_labels(y: Array, outputs: int) -> list[Finding]:
    """Targets that don't fit a network with this many outputs."""
    rows = y.reshape(len(y), -1)
    if rows.shape[1] == 1 and outputs > 1:
        whole = rows == np.round(rows)
        if not whole.all() or rows.min() < 0 or rows.max() >= outputs:
            text = f"y ranges from {rows.min():g} to {rows.max():g}, but the network's classes from 0 to {outputs - 1}."
            return [Finding("labels", "y", text, "Number the classes from 0, with integers.")]
        return []
    if rows.shape[1] != outputs:
        text = f"y has {rows.shape[1]} values per sample, but the network has {outputs} outputs."
        return [Finding("labels", "y", text, f"`np.eye({outputs})[labels]` has one row for each label.")]
    return rows_without_class(rows) if is_one_hot(rows) else []


def is_one_hot(rows: Array) -> bool:
    """Whether there are only two values, and each row has at most one large one."""
    low, high = rows.min(), rows.max()
    is_two_valued = bool(((rows == low) | (rows == high)).all()) and low < high
    return rows.shape[1] > 2 and is_two_valued and bool(((rows == high).sum(axis=1) <= 1).all())


def rows_without_class(rows: Array) -> list[Finding]:
    """One-hot rows without a class: often the result of labels numbered from 1."""
    none = int((rows == rows.min()).all(axis=1).sum())
    if none:
        text = f"{none} of {len(rows)} rows of y have no class."
        advice = f"Number the classes from 0 before you make them one-hot: `np.eye({rows.shape[1]})[labels]`."
        return [Finding("labels", "y", text, advice)]
    return []
