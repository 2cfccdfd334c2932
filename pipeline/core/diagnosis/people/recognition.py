"""Recognises a script's network: a view of its parameters, and a twin with them."""

import numpy as np

from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.leaves import VIEWS, Leaf, child, unrolled
from pipeline.core.diagnosis.people.probes import forward_parameters, probes_of
from pipeline.core.diagnosis.people.script import Script, UnfitError
from pipeline.core.diagnosis.people.twin import Probe, Twin, twin_of

MOST = 24  # parameters of a network that can be recognised


def network_of(script: Script, layout: Layout) -> tuple[Twin | None, list[Leaf], int]:
    """The twin, if any view of the parameters has one; the parameters in that view, or the first; the output size."""
    first: list[Leaf] = []
    outputs = 0
    for view in VIEWS:
        script.use_view(view)
        parameters = finite(script, forward_parameters(script, layout))
        if not parameters and view == VIEWS[0]:
            raise UnfitError("forward returns the same output whatever the parameters are: does it read `params`?")
        if not parameters or len(parameters) > MOST or parameters == first:
            continue
        probes = probes_of(script, layout, parameters)
        first, outputs = first or parameters, probes[0].answers.shape[1]
        if twin := twin_of(parameters, probes) or unrolled_twin(parameters, probes):
            return twin, parameters, outputs
    script.use_view(VIEWS[0])
    return None, first, outputs


def unrolled_twin(parameters: list[Leaf], probes: list[Probe]) -> Twin | None:
    """The twin of two layers stored in a single vector."""
    [vector, *others] = parameters
    values = [probe.values[vector] for probe in probes]
    if others or values[0].ndim != 1:
        return None
    inputs, outputs = probes[0].x.shape[1], probes[0].answers.shape[1]
    for parts in unrolled(vector, values[0].size, inputs, outputs):
        cut = [{part: child(value, part.path[-1]) for part in parts} for value in values]
        pairs = zip(probes, cut, strict=True)
        if twin := twin_of(parts, [probe._replace(values=found) for probe, found in pairs]):
            return twin
    return None


def finite(script: Script, parameters: list[Leaf]) -> list[Leaf]:
    """The parameters, if they are finite."""
    for leaf in parameters:
        if not np.isfinite(leaf.value(script.params)).all():
            raise UnfitError(f"{leaf.name} is not finite to begin with: give the parameters before any training")
    return parameters
