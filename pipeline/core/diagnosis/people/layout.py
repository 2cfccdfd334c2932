"""How a script lays out its samples: in rows, in columns, or one at a time. Found by trial.

Inside the doctor, samples are rows: x (n, d), outputs (n, C). This module converts between that and the script's own
layout.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.script import Script, UnfitError

MOST = 1000  # samples to use
Samples: TypeAlias = Literal["rows", "columns", "single"]


@dataclass(frozen=True)
class Layout:
    """The script's samples, and how each of its functions takes them."""

    x: Array  # as given
    y: Array
    axis: int  # sample axis of x
    target_axis: int  # sample axis of y
    forward: Samples
    step: Samples
    loss: Samples

    @property
    def count(self) -> int:
        """The number of samples."""
        return int(self.x.shape[self.axis])

    @cached_property
    def rows(self) -> Array:
        """The inputs (n, d)."""
        return np.moveaxis(self.x, self.axis, 0).reshape(self.count, -1).astype(np.float64)

    @cached_property
    def small_rows(self) -> Array:
        """The inputs (n, d), scaled down to a maximum of 1."""
        small: Array = self.rows / max(1.0, float(np.abs(self.rows).max()))
        return small

    def inputs(self, rows: Array) -> Array:
        """Inputs (k, d) in the script's layout and precision."""
        rows = rows.astype(self.x.dtype) if self.x.dtype.kind == "f" else rows
        return rows.T if self.axis == 1 else rows.reshape(len(rows), *self.x.shape[1:])

    def targets(self, indices: Array) -> Array:
        """The targets of some samples, in the script's layout."""
        return np.take(self.y, indices, axis=self.target_axis)

    def answers(self, script: Script, params: Any, rows: Array) -> Array:
        """The outputs (k, C) for inputs (k, d)."""
        x = self.inputs(rows)
        if self.forward == "single":
            return np.stack([script.answer(params, one).ravel() for one in x])
        return answers_in_rows(script.answer(params, x), len(rows))

    def update(self, script: Script, params: Any, rows: Array, indices: Array) -> Any:
        """The parameters after an update on inputs (k, d), or after k updates if step takes one sample at a time."""
        x, y = self.inputs(rows), self.targets(indices)
        if self.step == "single":
            for one, target in zip(x, y, strict=True):
                params = script.after_step(params, one, target)
            return params
        return script.after_step(params, x, y)

    def losses(self, script: Script, params: Any, rows: Array, indices: Array) -> Array:
        """The script's loss: one number for the batch, or (k,) if it takes one sample at a time."""
        assert script.loss is not None
        x, y = self.inputs(rows), self.targets(indices)
        if self.loss == "single":
            pairs = zip(x, y, strict=True)
            return np.array([np.asarray(script.loss(params, one, target)).item() for one, target in pairs])
        return np.array([np.asarray(script.loss(params, x, y), dtype=np.float64).item()])


def answers_in_rows(answer: Array, count: int) -> Array:
    """Outputs with samples in rows. If both axes could be the sample axis, it is the first."""
    if answer.shape[:1] == (count,):
        return answer.reshape(count, -1)
    if answer.ndim > 1 and count in answer.shape:
        return np.moveaxis(answer, answer.shape.index(count), 0).reshape(count, -1)
    if answer.size % count == 0 and count > 1 and answer.ndim == 1:
        return answer.reshape(count, -1)
    raise UnfitError(f"forward returns shape {answer.shape} for {count} samples, and no axis has that length")


def layout_of(script: Script, x: Any, y: Any, samples: Samples | None = None) -> Layout:
    """Find out how the script's functions take samples. Large data sets are thinned out.

    Raises UnfitError with one sentence if no way works.
    """
    if samples not in (None, *get_args(Samples)):
        raise UnfitError(f"samples is {samples!r}, but must be 'rows', 'columns' or 'single'")
    x, y = numbers(x, "x"), numbers(y, "y")
    forward = forward_layout(script, x, samples)
    axis = 1 if forward == "columns" else 0
    whole = Layout(x, y, axis, axis_of_targets(y, x.shape[axis], axis), forward, forward, forward)
    few = thinned(whole)
    try:
        step = step_layout(script, few)
    except UnfitError:  # it may insist on the original number of samples
        few = whole
        step = step_layout(script, few)
    return replace(few, step=step, loss=loss_layout(script, few))


def numbers(values: Any, name: str) -> Array:
    """An array of finite numbers."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise UnfitError(f"{name} has rows of unequal length, but must be one array of numbers") from None
    if array.dtype == object or array.dtype.kind not in "fiub":
        raise UnfitError(f"{name} holds {kind_of(array)}, but must hold numbers: make it one array of floats")
    if array.ndim == 0 or array.size == 0:
        raise UnfitError(f"{name} has shape {array.shape}, but must have at least one sample")
    array = array.astype(np.int64) if array.dtype.kind == "b" else array
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise UnfitError(f"{name}{list(place)} is {array[place]}: remove values that are not finite before training")
    return array


def kind_of(array: Array) -> str:
    """What an array holds, in words."""
    return "objects (rows of unequal length?)" if array.dtype == object else f"values of type {array.dtype}"


def forward_layout(script: Script, x: Array, samples: Samples | None) -> Samples:
    """How forward takes samples: the first way in which there are as many outputs as samples."""
    errors = []
    ways: list[Samples] = [samples] if samples else ["rows", "columns", "single"]
    for way in ways:
        if way == "columns" and x.ndim != 2:
            continue
        try:
            if fits(script, x, way):
                return way
        except Exception as error:  # raised by the script: whatever it is, this is not the way
            errors.append(quoted(error))
    reason = f"; it raises {errors[0]}" if errors else ""
    raise UnfitError(
        f"forward(params, x) accepts x of shape {x.shape} neither in rows, nor in columns, nor one at a time{reason}"
    )


def quoted(error: Exception) -> str:
    """An exception's type, and the first line of its message."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def fits(script: Script, x: Array, way: Samples) -> bool:
    """Whether forward takes samples this way."""
    if way == "single":
        return script.answer(script.at({}), x[0]).size > 0
    axis = 1 if way == "columns" else 0
    count = x.shape[axis]
    fewer = count - 1 if count > 1 else 1
    shapes = [script.answer(script.at({}), x).shape]
    try:
        shapes.append(script.answer(script.at({}), np.take(x, np.arange(fewer), axis)).shape)
    except Exception as error:
        raise RuntimeError(f"it accepts {count} samples but not {fewer} ({error})") from None
    if count == 1:
        return len(shapes[0]) > 0
    changed = [(a, b) for a, b in zip(*shapes, strict=True) if a != b] if len(shapes[0]) == len(shapes[1]) else []
    return changed == [(count, fewer)]


def axis_of_targets(y: Array, count: int, axis: int) -> int:
    """The sample axis of y: that of x, unless only another fits."""
    if y.ndim > axis and y.shape[axis] == count:
        return axis
    if count in y.shape:
        return y.shape.index(count)
    raise UnfitError(f"x has {count} samples, but y has shape {y.shape}: there must be one target per sample")


def thinned(layout: Layout) -> Layout:
    """Some of the samples, evenly spaced."""
    if layout.count <= MOST:
        return layout
    indices = np.linspace(0, layout.count - 1, MOST).astype(int)
    x, y = np.take(layout.x, indices, layout.axis), np.take(layout.y, indices, layout.target_axis)
    return replace(layout, x=x, y=y)


def step_layout(script: Script, layout: Layout) -> Samples:
    """Whether step takes the batch or one sample at a time: the way that runs, and preserves the shapes."""
    x, y = layout.x, layout.y
    batch: Samples = "columns" if layout.axis == 1 else "rows"
    ways: list[Samples] = ["single", batch] if layout.forward == "single" else [batch, "single"]
    worked, errors = [], []
    for way in ways:
        if way == "single" and (layout.axis == 1 or layout.target_axis == 1):
            continue
        try:
            params = script.at({})
            inputs, targets = (x[0], y[0]) if way == "single" else (x, y)
            params = script.after_step(params, inputs, targets)
            worked.append(way)
            if all(leaf.value(params).shape == leaf.value(script.params).shape for leaf in script.leaves):
                return way
        except Exception as error:  # raised by the script
            errors.append(quoted(error))
    if worked:
        return worked[0]
    raise UnfitError(f"step(params, x, y) accepts neither the batch nor one sample; it raises {errors[-1]}")


def loss_layout(script: Script, layout: Layout) -> Samples:
    """Whether loss takes the batch or one sample. A loss that takes neither is ignored."""
    if script.loss is None:
        return layout.forward
    batch: Samples = "columns" if layout.axis == 1 else "rows"
    for way in (batch, "single") if layout.forward != "single" else ("single", batch):
        try:
            x, y = (layout.x[0], layout.y[0]) if way == "single" else (layout.x, layout.y)
            if np.asarray(script.loss(script.at({}), np.copy(x), np.copy(y))).size == 1:
                return way
        except Exception:  # raised by the script
            continue
    script.loss = None
    return layout.forward
