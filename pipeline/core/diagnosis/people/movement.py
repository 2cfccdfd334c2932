"""Parameters that an update leaves unchanged, or whose shape it changes."""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.leaves import Leaf
from pipeline.core.diagnosis.people.observation import Observation, Observations
from pipeline.core.diagnosis.people.twin import Twin


def unmoved(twin: Twin, observations: Observations) -> list[Finding]:
    """Parameters that no update changes."""
    seen = [*observations.singles, *observations.batches]
    if restarts(twin, observations):
        evidence = "Whatever parameters step gets, it returns the same ones: it starts from scratch every time."
        return [Finding("parameter_not_updated", "step", evidence, "Draw the weights once, before the first step.")]
    still = [leaf.name for leaf in twin.parameters if seen and not any(one.change(leaf).any() for one in seen)]
    still += [name for name, changes in rows_of_biases(twin, seen) if not any(change.any() for change in changes)]
    if not still:
        return []
    evidence = f"step never changes {', '.join(still)}, which forward reads. Does it update a copy?"
    return [Finding("parameter_not_updated", still[0], evidence, f"`{still[0]} = {still[0]} - alpha * gradient`")]


def rows_of_biases(twin: Twin, seen: list[Observation]) -> list[tuple[str, list[Array]]]:
    """What updates add to rows of weights that hold biases, if the weights change at all."""
    found = []
    for layer in twin.layers:
        if layer.ones and any(one.change(layer.weights).any() for one in seen):
            tables = [layer.matrix(one.change(layer.weights)) for one in seen if not one.reshaped(layer.weights)]
            found.append((f"the biases in {layer.weights.name}", [layer.row_of_biases(table) for table in tables]))
    return found


def restarts(twin: Twin, observations: Observations) -> bool:
    """Whether updates on the same samples end in the same parameters, wherever they start."""
    seen = observations.batches or [
        one for one in observations.singles if np.array_equal(one.x, observations.singles[0].x)
    ]
    pairs = [(one, seen[0]) for one in seen[1:]]
    return bool(pairs) and all(
        np.array_equal(one.after[leaf], other.after[leaf]) for one, other in pairs for leaf in twin.parameters
    )


def changed_shapes(twin: Twin, observations: Observations) -> list[Finding]:
    """The first parameter whose shape an update changes."""
    for one in [*observations.singles[:1], *observations.batches[:1]]:
        for layer in twin.layers:
            if one.reshaped(layer.weights):
                return [shape_finding("broadcast", layer.weights, one, "give y the shape of the answers")]
            if layer.bias is not None and one.reshaped(layer.bias):
                return [shape_finding("bias_gradient", layer.bias, one, "sum the errors over the samples")]
    return []


def shape_finding(cause: str, leaf: Leaf, seen: Observation, advice: str) -> Finding:
    """A finding about a changed shape."""
    before, after = seen.before[leaf].shape, seen.after[leaf].shape
    evidence = f"{leaf.name} has shape {before} before a step and {after} after it, because of broadcasting."
    return Finding(cause, leaf.name, evidence, advice)
