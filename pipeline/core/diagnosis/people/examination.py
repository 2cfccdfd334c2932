"""All checks of somebody's network, in their order, and what they come to."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.algebra import Algebra, Judge
from pipeline.core.diagnosis.people.course import Trainer
from pipeline.core.diagnosis.people.data import empty_class, out_of_range, scrambled, sums_of_targets
from pipeline.core.diagnosis.people.differences import compared
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Layout, Samples, layout_of
from pipeline.core.diagnosis.people.leaves import VIEWS, Leaf, child, repeated, unrolled
from pipeline.core.diagnosis.people.losses import another, mismatch, printed_loss
from pipeline.core.diagnosis.people.observation import Observation, Observations, Witness
from pipeline.core.diagnosis.people.output_errors import Loss, right_errors
from pipeline.core.diagnosis.people.probes import forward_parameters, probes_of
from pipeline.core.diagnosis.people.repeats import is_a_loop, updates_inside
from pipeline.core.diagnosis.people.script import Script, UnfitError
from pipeline.core.diagnosis.people.settings import wrong_setting
from pipeline.core.diagnosis.people.situation import Situation
from pipeline.core.diagnosis.people.softmax import wrong_softmax
from pipeline.core.diagnosis.people.steps import wrong_rule
from pipeline.core.diagnosis.people.targets import targets_of, wrong_labels
from pipeline.core.diagnosis.people.twin import Probe, Twin, twin_of
from pipeline.core.diagnosis.people.whole import clipped, has_right_signs, uphill

MOST = 24  # parameters of a network that can be taken apart


@dataclass
class Examination:
    """What was found, and what was looked at."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examined(script: Script, x: Any, y: Any, samples: Samples | None) -> Examination:
    """Examine a script on a batch. Raises UnfitError where its functions can't be called."""
    with script.examined():
        layout = layout_of(script, x, y, samples)
        twin, parameters, outputs = network_of(script, layout)
        y_rows = np.moveaxis(layout.y, layout.target_axis, 0)
        found = Examination(wrong_labels(y_rows, outputs))
        targets = targets_of(y_rows, outputs)
        if twin is None:
            found.findings += one_for_all(script) or mixed_samples(script, layout)
            found.findings += [] if found.findings else compared(script, layout, parameters, targets)
            found.notes.append("Your network is not one of dense layers that can be taken apart: little was looked at.")
            return found
        found.notes.append(described(twin, layout))
        if not found.findings:
            of_known_network(found, Witness(script, layout, twin, targets))
        return found


def network_of(script: Script, layout: Layout) -> tuple[Twin | None, list[Leaf], int]:
    """The twin, if there is one in any view of the parameters; the parameters in the first view; and the outputs."""
    first: list[Leaf] = []
    outputs = 0
    for view in VIEWS:
        script.see(view)
        parameters = finite(script, forward_parameters(script, layout))
        if not parameters and view == VIEWS[0]:
            raise UnfitError("forward gives the same answer whatever the parameters are: does it read `params`?")
        if not parameters or len(parameters) > MOST or parameters == first:
            continue
        probes = probes_of(script, layout, parameters)
        first, outputs = first or parameters, probes[0].answers.shape[1]
        if twin := twin_of(parameters, probes) or unrolled_twin(parameters, probes):
            return twin, parameters, outputs
    script.see(VIEWS[0])
    return None, first, outputs


def unrolled_twin(parameters: list[Leaf], probes: list[Probe]) -> Twin | None:
    """The twin of two layers that lie in one vector."""
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
    """The parameters, if they are numbers."""
    for leaf in parameters:
        if not np.isfinite(leaf.value(script.params)).all():
            raise UnfitError(f"{leaf.name} is not finite from the start: give the parameters before any training")
    return parameters


def described(twin: Twin, layout: Layout) -> str:
    """The network in a line."""
    layers = ", ".join(f"{layer.weights.name} and {layer.activation.name}" for layer in twin.layers)
    ways = {"rows": "a batch in rows", "columns": "a batch in columns", "single": "one sample at a time"}
    return f"Your network: {layers}. forward takes {ways[layout.forward]}, step {ways[layout.step]}."


def of_known_network(found: Examination, witness: Witness) -> None:
    """Everything that a twin makes it possible to look at, from the code to the settings."""
    layout, twin, targets = witness.layout, witness.twin, witness.targets
    output = twin.layers[-1].activation
    printed = printed_loss(witness)
    observations = witness.observations()
    of_batches = observations.batches or [witness.at_start()]
    found.findings += wrong_softmax(twin, of_batches, 1 if layout.forward == "rows" else 0)
    found.findings += unmoved(twin, observations) + grown(twin, observations)
    algebra = algebra_of(witness, observations, printed.loss)
    found.findings += [finding for finding in printed.findings if finding.cause == "no_softmax"]
    found.findings += algebra.findings
    if algebra.top is not None and not algebra.findings and witness.is_heard:
        found.findings += wrong_rule(witness, algebra.top)
    found.findings += out_of_range(targets, output) + sums_of_targets(targets, output) + empty_class(targets, output)
    found.findings += scrambled(layout.rows, targets)
    if not found.findings and algebra.top is not None:
        trainer = Trainer(witness.script, layout, twin, targets, algebra.loss)
        found.findings += wrong_setting(Situation(trainer, algebra.top))
    found.findings += [finding for finding in printed.findings if finding.cause != "no_softmax"]
    found.findings += mismatch(printed.loss, algebra.loss, output)
    if algebra.top is not None and not algebra.top.cause:
        found.findings += another(witness, algebra.top, printed)


def one_for_all(script: Script) -> list[Finding]:
    """Several units that are one object."""
    times = repeated(script.params, set())
    if times < 2:
        return []
    evidence = f"The same object stands {times} times in a list: what should be units of their own is one."
    return [Finding("symmetric_initialisation", "params", evidence, "`[Neuron() for _ in range(units)]`")]


def mixed_samples(script: Script, layout: Layout) -> list[Finding]:
    """An answer that changes with the other samples of its batch."""
    if layout.forward == "single" or layout.count < 4:
        return []
    half = layout.rows[: layout.count // 2]
    whole, part = (layout.answers(script, script.at({}), rows) for rows in (layout.rows, half))
    if np.allclose(whole[: len(half)], part, rtol=1e-4, atol=1e-7, equal_nan=True):
        return []
    evidence = "A sample's answer changes when others are taken out of its batch."
    advice = "Look for sums, means, norms and maxima along the wrong axis; `np.linalg.norm(x, axis=1, keepdims=True)`."
    return [Finding("samples_mix", "forward", evidence, advice)]


def unmoved(twin: Twin, observations: Observations) -> list[Finding]:
    """Parameters that no update changes."""
    seen = [*observations.singles, *observations.batches]
    if begins_anew(twin, observations):
        evidence = "A step ends in the same parameters, whichever it is given: it begins anew each time."
        return [Finding("parameter_not_updated", "step", evidence, "Draw the weights once, before the first step.")]
    still = [leaf.name for leaf in twin.parameters if seen and not any(one.change(leaf).any() for one in seen)]
    still += [name for name, changes in rows_of_biases(twin, seen) if not any(change.any() for change in changes)]
    if not still:
        return []
    evidence = f"{', '.join(still)} never changes in step, though forward reads it: only a copy does, or nothing."
    return [Finding("parameter_not_updated", still[0], evidence, f"`{still[0]} = {still[0]} - alpha * gradient`")]


def rows_of_biases(twin: Twin, seen: list[Observation]) -> list[tuple[str, list[Array]]]:
    """What updates add to the rows of weights that are biases, if their other rows change."""
    found = []
    for layer in twin.layers:
        if layer.ones and any(one.change(layer.weights).any() for one in seen):
            row = 0 if layer.ones == "first" else -1
            rows = [layer.matrix(one.change(layer.weights))[row] for one in seen if not one.reshaped(layer.weights)]
            found.append((f"the biases in {layer.weights.name}", rows))
    return found


def begins_anew(twin: Twin, observations: Observations) -> bool:
    """Whether updates on the same samples end in the same parameters, wherever they begin."""
    seen = observations.batches or [
        one for one in observations.singles if np.array_equal(one.x, observations.singles[0].x)
    ]
    pairs = [(one, seen[0]) for one in seen[1:]]
    return bool(pairs) and all(
        np.array_equal(one.after[leaf], other.after[leaf]) for one, other in pairs for leaf in twin.parameters
    )


def grown(twin: Twin, observations: Observations) -> list[Finding]:
    """Parameters that have another shape after an update."""
    found = []
    for one in [*observations.singles[:1], *observations.batches[:1]]:
        for layer in twin.layers:
            for leaf, cause in ((layer.weights, "broadcast"), (layer.bias, "bias_gradient")):
                if leaf is not None and one.reshaped(leaf):
                    before, after = one.before[leaf].shape, one.after[leaf].shape
                    evidence = f"{leaf.name} has the shape {before} before a step, and {after} after it: broadcasting."
                    advice = "Sum the errors over the samples: `d.sum(axis=0)`." if cause == "bias_gradient" else ""
                    found.append(
                        Finding(cause, leaf.name, evidence, advice or "Make the shapes of y and answers equal.")
                    )
    return found[:1]


def algebra_of(witness: Witness, observations: Observations, printed: Loss | None) -> Algebra:
    """Single samples first, since they show more; then batches, for what only batches show."""
    algebra = Algebra()
    for seen in observations:
        if not seen or algebra.findings:
            continue
        if seen is observations.batches and is_a_loop(witness, seen[0]):
            break
        found = Judge(witness.twin, witness.layout, seen, printed).judge()
        algebra = by_another_rule(witness.twin, seen, found) or found
    return algebra


def by_another_rule(twin: Twin, seen: list[Observation], found: Algebra) -> Algebra | None:
    """Where the layers don't explain an update: right gradients, made steps of by another rule."""
    if not found.findings or found.is_explained or any(one.reshaped(leaf) for one in seen for leaf in twin.parameters):
        return None
    for top in right_errors(twin.layers[-1].activation):
        if sign := clipped(twin, top, seen):
            return Algebra([uphill("every parameter")] if sign < 0 else [], top)
        if updates_inside(twin, top, seen[0]):
            return Algebra(top=top)
        if has_right_signs(twin, top, seen):
            evidence = (
                "Each number moves against its gradient, but by a length that is no multiple of it, and not even."
            )
            advice = "Adam: `W -= alpha * m_hat / (np.sqrt(v_hat) + 1e-8)`; plain: `W -= alpha * gradient`."
            return Algebra([Finding("optimiser", "step", evidence, advice)], top)
    return None
