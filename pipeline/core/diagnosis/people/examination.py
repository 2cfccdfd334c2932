"""All checks of somebody's network, in order, and their results."""

from typing import Any

import numpy as np

from pipeline.core.diagnosis.people.algebra import Algebra
from pipeline.core.diagnosis.people.course import Rehearsal
from pipeline.core.diagnosis.people.data import constant, empty_class, out_of_range, scrambled, sums_of_targets
from pipeline.core.diagnosis.people.differences import compared
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Layout, Samples, layout_of
from pipeline.core.diagnosis.people.leaves import repeated
from pipeline.core.diagnosis.people.losses import Printed, another, mismatch, printed_loss
from pipeline.core.diagnosis.people.movement import changed_shapes, unmoved
from pipeline.core.diagnosis.people.notes import descended, described, first_loss, large_sums
from pipeline.core.diagnosis.people.observation import Observer
from pipeline.core.diagnosis.people.recognition import network_of
from pipeline.core.diagnosis.people.script import Script
from pipeline.core.diagnosis.people.settings import wrong_setting
from pipeline.core.diagnosis.people.situation import Situation
from pipeline.core.diagnosis.people.softmax import wrong_softmax
from pipeline.core.diagnosis.people.steps import wrong_rule
from pipeline.core.diagnosis.people.targets import targets_of, wrong_labels
from pipeline.core.diagnosis.people.update import algebra_of, shuffled_apart


class Examination:
    """What was found, the cause first, and further notes."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.is_thorough = True  # or little could be checked
        self.notes: list[str] = []


def examined(script: Script, x: Any, y: Any, samples: Samples | None) -> Examination:
    """Examine a script on a batch. Raises UnfitError if its functions can't be called."""
    with script.without_trace():
        layout = layout_of(script, x, y, samples)
        twin, parameters, outputs = network_of(script, layout)
        rows = np.moveaxis(layout.y, layout.target_axis, 0)
        targets = targets_of(rows, outputs)
        if twin is None:
            found = Examination()
            found.findings += wrong_labels(rows, outputs) or shared_units(script) or mixed_samples(script, layout)
            found.findings += [] if found.findings else compared(script, layout, parameters, targets)
            found.is_thorough = False
            found.notes.append("Your network does not consist of dense layers only, so little of it could be checked.")
            return found
        found = KnownNetwork(Observer(script, layout, twin, targets))
        found.findings += wrong_labels(rows, outputs)
        found.check()
        return found


class KnownNetwork(Examination):
    """The examination of a network that has a twin."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer, self.twin = observer, observer.twin
        self.notes.append(described(observer.twin, observer.layout))
        self.printed = Printed(None, [])
        self.algebra = Algebra()

    def check(self) -> None:
        """Check the code first, then the data, the settings, and the printed loss.

        If the script raises an exception in one check, a note says so, and the other checks go on.
        """
        if self.findings:
            return
        for check in (self.code, self.data, self.settings, self.loss):
            try:
                check()
            except Exception as error:
                self.notes.append(f"The {check.__name__} could not be checked: {type(error).__name__}: {error}.")

    def code(self) -> None:
        """Check what an update does, from the softmax down."""
        self.printed = printed_loss(self.observer)
        observations = self.observer.observations()
        axis = 1 if self.observer.layout.forward == "rows" else 0
        self.findings += wrong_softmax(self.twin, observations.batches or [self.observer.at_start()], axis)
        self.findings += unmoved(self.twin, observations) + changed_shapes(self.twin, observations)
        self.findings += [finding for finding in self.printed.findings if finding.cause == "no_softmax"]
        self.algebra = algebra_of(self.observer, observations, self.printed.loss)
        self.findings += self.algebra.findings or shuffled_apart(self.observer, self.algebra)
        is_known = self.algebra.loss not in (None, "a custom loss")
        if self.algebra.top is not None and is_known and not self.findings and self.observer.uses_given_samples:
            self.findings += wrong_rule(self.observer, self.algebra.top)

    def data(self) -> None:
        """Check that the targets can be reached, and match the inputs."""
        targets, output = self.observer.targets, self.twin.layers[-1].activation
        self.findings += constant(targets)
        for check in (out_of_range, sums_of_targets, empty_class):
            self.findings += check(targets, output)
        self.findings += scrambled(self.observer.layout.rows, targets)

    def settings(self) -> None:
        """Check how training goes with the script's own settings, if nothing else is wrong."""
        if self.findings or self.algebra.top is None:
            return
        observer = self.observer
        rehearsal = Rehearsal(observer.script, observer.layout, self.twin, observer.targets, self.algebra.loss)
        situation = Situation(rehearsal, self.algebra.top)
        self.findings += wrong_setting(situation)
        self.notes += descended(self.algebra.loss) + first_loss(situation) + large_sums(observer)

    def loss(self) -> None:
        """Check that the printed loss is the one that the update minimises."""
        output = self.twin.layers[-1].activation
        self.findings += [finding for finding in self.printed.findings if finding.cause != "no_softmax"]
        self.findings += mismatch(self.printed.loss, self.algebra.loss, output)
        if self.algebra.top is not None and not self.algebra.top.cause:
            self.findings += another(self.observer, self.algebra.top, self.printed)


def shared_units(script: Script) -> list[Finding]:
    """Several units that are the same object."""
    times = repeated(script.params, set())
    if times < 2:
        return []
    evidence = f"A list holds the same object {times} times: these should be separate units."
    return [Finding("symmetric_initialisation", "params", evidence, "`[Neuron() for _ in range(units)]`")]


def mixed_samples(script: Script, layout: Layout) -> list[Finding]:
    """An output that changes with the other samples of its batch."""
    if layout.forward == "single" or layout.count < 4:
        return []
    half = layout.rows[: layout.count // 2]
    whole, part = (layout.answers(script, script.at({}), rows) for rows in (layout.rows, half))
    if np.allclose(whole[: len(half)], part, rtol=1e-4, atol=1e-7, equal_nan=True):
        return []
    evidence = "A sample's output changes when other samples are removed from its batch."
    advice = "Look for sums, means, norms and maxima along the wrong axis: `np.linalg.norm(x, axis=1, keepdims=True)`."
    return [Finding("samples_mix", "forward", evidence, advice)]
