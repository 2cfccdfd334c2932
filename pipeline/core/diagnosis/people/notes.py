"""Observations that are worth a note but are not faults."""

import numpy as np

from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.observation import Observer
from pipeline.core.diagnosis.people.output_errors import Loss, is_softmax
from pipeline.core.diagnosis.people.situation import Situation
from pipeline.core.diagnosis.people.twin import Twin

OFF = 2.0  # times the loss of guessing
LARGE = 1000.0  # a pre-activation whose `exp` overflows


def described(twin: Twin, layout: Layout) -> str:
    """The network in one line."""
    layers = ", ".join(f"{layer.weights.name} with {layer.activation.name}" for layer in twin.layers)
    ways = {"rows": "a batch in rows", "columns": "a batch in columns", "single": "one sample at a time"}
    if layout.forward == layout.step:
        return f"Your network: {layers}. forward and step take {ways[layout.forward]}."
    return f"Your network: {layers}. forward takes {ways[layout.forward]}, and step {ways[layout.step]}."


def descended(loss: Loss | None) -> list[str]:
    """The loss that updates minimise."""
    if loss is None:
        return []
    return [f"Your update minimises {loss if loss.startswith('a ') else f'the {loss}'}."]


def first_loss(situation: Situation) -> list[str]:
    """A first loss far above that of guessing, if the network learns nevertheless."""
    if not situation.learns or not 0 < OFF * situation.guess < situation.own.first:
        return []
    text = f"The first loss is {situation.own.first:.3g} per sample; guessing would give {situation.guess:.3g}."
    return [f"{text} This only costs time."]


def large_sums(observer: Observer) -> list[str]:
    """A softmax that would overflow on larger pre-activations than occur here."""
    last = observer.twin.layers[-1]
    if last.bias is None or not is_softmax(last.activation):
        return []
    start = last.bias.value(observer.script.params)
    answers = observer.layout.answers(
        observer.script, observer.script.at({last.bias: start + LARGE}), observer.layout.rows[:1]
    )
    if np.isfinite(answers).all():
        return []
    return ["Your softmax overflows above 709, though not on this data: subtract each sample's maximum first."]
