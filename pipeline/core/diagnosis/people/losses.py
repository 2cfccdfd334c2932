"""Which loss a script prints, and whether that is a sum over samples at all."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.activations import Activation, sigmoid, softmax
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.observation import Observation, Observer
from pipeline.core.diagnosis.people.output_errors import Loss, OutputError, is_softmax
from pipeline.core.diagnosis.people.twin import Values
from pipeline.core.diagnosis.people.whole import gradient_of

POINTS = 6
SAMPLES = 12
DIRECTIONS = 10
STEP = 1e-5
CLOSE = 1e-4  # relative to a loss: people add small constants before they take logs


class Known(NamedTuple):
    """A usual loss, summed over the samples."""

    loss: Loss
    of: Callable[[Array, Array, Array], float]  # of pre-activations z, outputs a and targets t, each (k, C)


def usual_losses(activation: Activation) -> list[Known]:
    """The losses that make sense for these outputs."""
    squared = Known("squared error", lambda z, a, t: np.square(a - t).sum())
    absolute = Known("absolute error", lambda z, a, t: np.abs(a - t).sum())
    categorical = Known("cross-entropy", lambda z, a, t: -(t * np.log(softmax(z))).sum())
    if is_softmax(activation):
        return [Known("cross-entropy", lambda z, a, t: -(t * np.log(a)).sum()), squared, absolute, binary()]
    if activation.name == "tanh":
        return [squared, absolute, Known("cross-entropy", lambda z, a, t: entropy((1 + a) / 2, (1 + t) / 2))]
    if activation.name == "identity":
        return [squared, absolute, categorical, Known("cross-entropy", lambda z, a, t: entropy(sigmoid(z), t))]
    return [binary(), squared, absolute, categorical]


def binary() -> Known:
    """Binary cross-entropy of each output."""
    return Known("cross-entropy", lambda z, a, t: entropy(a, t))


def entropy(p: Array, t: Array) -> float:
    """The binary cross-entropy, in nats."""
    return float(-(t * np.log(p) + (1 - t) * np.log(1 - p)).sum())


class Printed(NamedTuple):
    """What is known about the loss that a script prints."""

    loss: Loss | None  # None if it is unknown, or if there is none
    findings: list[Finding]
    is_known: bool = True  # also if there is none


def printed_loss(observer: Observer) -> Printed:
    """Compare the printed loss with the usual ones, at several sets of parameters."""
    if observer.script.loss is None:
        return Printed(None, [])
    layout, twin = observer.layout, observer.twin
    rows = layout.small_rows
    indices = np.arange(min(layout.count, SAMPLES))
    found, runs = [], []
    for seed in range(POINTS):
        values = observer.random_values(seed + 30)
        try:
            losses = layout.losses(observer.script, observer.script.at(values), rows[indices], indices)
        except Exception:  # raised by the script: it may accept only whole batches
            return Printed(None, [])
        run = twin.run(values, rows[indices])
        found.append(float(losses.sum()))
        weights = sum(float(np.square(values[layer.weights]).sum()) for layer in twin.layers)
        every = sum(float(np.square(value).sum()) for value in values.values())
        runs.append((run.sums[-1], run.outputs[-1], (weights, every)))
    t = observer.targets[indices]
    if np.isfinite(found).all():
        for known in usual_losses(twin.layers[-1].activation):
            sums = np.array([known.of(z, a, t) for z, a, _ in runs])
            if any(follows(np.array(found), sums, penalty) for penalty in np.array([one for _, _, one in runs]).T):
                return Printed(known.loss, [])
    return Printed(None, oddities(layout, found, runs, t), is_known=False)


def follows(found: Array, sums: Array, weights: Array) -> bool:
    """Whether losses are a multiple of others, perhaps plus a multiple of the sum of squared weights."""
    if not np.isfinite(sums).all() or not np.ptp(sums):
        return False
    plain = found @ sums / (sums @ sums)
    if plain > 0 and np.abs(found - plain * sums).max() <= CLOSE * np.abs(found).max():
        return True
    table = np.stack([sums, weights], axis=1)
    factors, *_ = np.linalg.lstsq(table, found, rcond=None)
    return bool((factors > 0).all() and np.abs(found - table @ factors).max() <= CLOSE * np.abs(found).max())


def oddities(
    layout: Layout, found: list[float], runs: list[tuple[Array, Array, tuple[float, float]]], t: Array
) -> list[Finding]:
    """A loss over all pairs of samples, or one that treats scores as probabilities."""
    if layout.loss != "single" and len(t) > 1:
        for text, of in TABLES.items():
            sums = np.array([of(a, t) for _, a, _ in runs])
            if follows(np.array(found), sums, np.ones(len(sums))):
                evidence = f"The loss is computed over {text}: it compares each sample's output with every target."
                advice = "Multiply elementwise, in equal shapes: `y.reshape(a.shape) * np.log(a)`."
                return [Finding("broadcast", "loss", evidence, advice)]
    logs = np.array([-(t * np.log(np.where(a > 0, a, np.nan))).sum() for _, a, _ in runs])
    losses, both = np.array(found), np.isfinite(logs) & np.isfinite(found)
    of_logs = both.sum() > 1 and follows(losses[both], logs[both], np.ones(int(both.sum())))
    are_lost = (~np.isfinite(losses) & ~np.isfinite(logs)).sum() > len(runs) / 2
    if t.shape[1] > 1 and not any(is_total(a) for _, a, _ in runs) and (of_logs or are_lost):
        evidence = "The loss takes the log of outputs that do not sum to 1 for each sample."
        return [Finding("no_softmax", "loss", evidence, "`p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)`")]
    return []


def is_total(a: Array) -> bool:
    """Whether each sample's outputs sum to 1."""
    return bool(np.allclose(a.sum(axis=1), 1, atol=1e-6))


def pairs_of_logs(a: Array, t: Array) -> float:
    """Binary cross-entropy of every output with every target."""
    return float(-(t.sum(axis=0) * np.log(a).sum(axis=0) + (1 - t).sum(axis=0) * np.log(1 - a).sum(axis=0)).sum())


def pairs_of_categories(a: Array, t: Array) -> float:
    """The same for several classes."""
    return float(-(t.sum(axis=0) * np.log(a).sum(axis=0)).sum())


def pairs_of_squares(a: Array, t: Array) -> float:
    """Squared differences between every output and every target."""
    return float(np.square(a.T[:, :, None] - t.T[:, None, :]).sum())


TABLES = {
    "all pairs of logs and targets": pairs_of_logs,
    "all pairs of log-probabilities and targets": pairs_of_categories,
    "all pairs of outputs and targets": pairs_of_squares,
}


def is_another(observer: Observer, top: OutputError) -> bool:
    """Whether the slope of the script's loss differs from that of the loss that its update minimises.

    Slopes along random directions must all be the same multiple of the gradient's, up to a penalty on the weights.
    """
    layout, twin, generator = observer.layout, observer.twin, np.random.default_rng(0)
    rows = layout.small_rows
    indices = np.arange(min(layout.count, SAMPLES))
    values = observer.random_values(40)
    seen = Observation(values, values, rows[indices], observer.targets[indices], twin.run(values, rows[indices]))
    gradient, table, slopes = gradient_of(twin, top, seen), [], []
    for _ in range(DIRECTIONS):
        way = {leaf: generator.standard_normal(value.shape) for leaf, value in values.items()}
        ends = [
            float(
                layout.losses(observer.script, observer.script.at(moved(values, way, by)), rows[indices], indices).sum()
            )
            for by in (STEP, -STEP)
        ]
        slopes.append((ends[0] - ends[1]) / (2 * STEP))
        weights = {layer.weights: values[layer.weights] for layer in twin.layers}
        table.append([sum((way[leaf] * of[leaf]).sum() for leaf in of) for of in (gradient, values, weights)])
    found, by = np.array(slopes), np.array(table)
    if not np.isfinite(found).all() or np.abs(found).max() < 1e-8:
        return False
    factors, *_ = np.linalg.lstsq(by, found, rcond=None)
    return bool(np.linalg.norm(found - by @ factors) > 0.05 * np.linalg.norm(found))


def moved(values: Values, way: Values, by: float) -> Values:
    """Parameters moved by a small step in a direction."""
    return {leaf: value + by * way[leaf] for leaf, value in values.items()}


def another(observer: Observer, top: OutputError, printed: Printed) -> list[Finding]:
    """A printed loss that is not a standard one, and not the one that the update minimises."""
    if printed.is_known or printed.findings or not is_another(observer, top):
        return []
    evidence = f"The update minimises the {top.loss}, but the loss that you print has a different gradient."
    advice = f"Print the {top.loss} of each sample with its own target, summed over the samples."
    return [Finding("loss_mismatch", "loss", evidence, advice)]


def mismatch(printed: Loss | None, descended: Loss | None, output: Activation) -> list[Finding]:
    """An update that minimises one loss while the script prints another."""
    if (
        printed is None
        or descended in (None, printed, "a custom loss")
        or (printed, descended) == ("absolute error", "squared error")
    ):
        return []  # a mean absolute error is often printed because it is easy to read
    evidence = f"The update minimises the {descended}, but the loss that you print is the {printed}."
    advice = f"Print the {descended}, or minimise the {printed}, with its own derivative at the output."
    cause = "activation_derivative" if output.name == "tanh" and descended == "cross-entropy" else "loss_mismatch"
    return [Finding(cause, "the last layer", evidence, advice)]
