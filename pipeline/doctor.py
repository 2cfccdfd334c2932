"""Is your own network right? Checks of functions that you wrote in NumPy, on a batch of your data.

    from pipeline.doctor import examine
    print(examine(forward, loss, gradient, params, x, y))

`params` is a list, a tuple or a dictionary of arrays, layer by layer, weights before biases, before any training.
`forward(params, x)` gives the probabilities of each sample's classes, `loss(params, x, y)` one number, and
`gradient(params, x, y)` an array for each parameter, in a container like `params`. Samples may lie in rows or in
columns; `y` are class numbers or one-hot. All is done in float64, on copies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.code import CodeCheck, check_gradient, check_softmax
from pipeline.core.diagnosis.mistakes import MISTAKES
from pipeline.core.diagnosis.patient import Finding, Params, Patient, UnfitError

JITTER = 1e-2  # added to each parameter before gradients are compared: those of a network of zeros are zeros
ROUNDING = 1e-6  # of two losses that should be equal, to their size
AS_A_GUESS = (0.7, 2.0)  # a loss before any training, over that of a guess
UPDATES = 500
LEARNED = 0.1  # of the loss before
WIDTH = 100
BROADCAST = (
    "y is a column: beside an array (m,) it broadcasts to (m, m), which compares every sample with every label. Take "
    "`y.ravel()`."
)


@dataclass(frozen=True)
class Report:
    """What all checks found; it is made to be printed."""

    findings: list[Finding]

    @property
    def problems(self) -> list[str]:
        """The names of the problems."""
        return [finding.problem for finding in self.findings if finding.problem]

    def __str__(self) -> str:
        lines = []
        for finding in self.findings:
            mark = "WRONG" if finding.problem else "ok"
            lines.append(fill(f"{mark:<6}{finding.check}: {finding.said}", WIDTH, subsequent_indent=" " * 6))
            if finding.advice:
                lines.append(fill(finding.advice, WIDTH, initial_indent="    > ", subsequent_indent=" " * 6))
        count = len(self.problems)
        lines.append(f"{count} problem{'' if count == 1 else 's'} found." if count else "No problem found.")
        return "\n".join(lines)


def examine(
    forward: Callable[[Any, Array], Any],
    loss: Callable[[Any, Array, Array], Any],
    gradient: Callable[[Any, Array, Array], Any],
    params: Params,
    x: Array,
    y: Array,
) -> Report:
    """Check the functions of a network on a batch. What is wrong with them, or what they raise, is in the report."""
    findings: list[Finding] = []
    try:
        with np.errstate(all="ignore"):
            patient = Patient(forward, loss, gradient, params, np.asarray(x), np.asarray(y))
            for check in CHECKS:
                findings += check(patient)
    except UnfitError as unfit:
        findings.append(unfit.finding)
    return Report(findings)


def labels(patient: Patient) -> list[Finding]:
    """Are the labels one-hot, or classes that the network has?"""
    y = patient.y
    if y.ndim == 2 and 1 not in y.shape:
        expected = patient.probabilities(patient.params, patient.x).shape
        rows = y if patient.axis == 0 else y.T
        if rows.shape != expected or not np.isin(y, (0, 1)).all() or (rows.sum(axis=1) != 1).any():
            said = "y should be one-hot: as the probabilities, with one 1 for each sample, and else 0."
            raise UnfitError("labels", "not_one_hot", said, "`np.eye(classes)[labels]` has a row for each label.")
        return [Finding("labels", None, "one-hot, with one 1 for each sample.")]
    least, most = y.min(), y.max()
    if least < 0 or most >= patient.classes or (y != y.astype(int)).any():
        said = f"they go from {least:g} to {most:g}, but the network has the classes 0 to {patient.classes - 1}."
        raise UnfitError("labels", "not_classes", said, "Number the classes from 0 on, in whole numbers.")
    return [Finding("labels", None, f"from {least:g} to {most:g}, for {patient.classes} classes.")]


def shapes(patient: Patient) -> list[Finding]:
    """Is the loss one number, and has each gradient its parameter's shape?"""
    size = np.size(patient.call("loss", patient.params, patient.x, patient.y))
    if size != 1:
        hint = BROADCAST if size == patient.images**2 else "Take the mean over the samples."
        raise UnfitError(
            "shapes", "loss_not_a_number", f"the loss of {patient.images} samples is {size} numbers.", hint
        )
    found = patient.gradient(patient.params, patient.x, patient.y)
    if len(found) != len(patient.params):
        said = f"there are {len(patient.params)} parameters, but {len(found)} gradients."
        raise UnfitError("shapes", "gradient_shape", said, "Return an array for each parameter.")
    for place, (value, slope) in enumerate(zip(patient.params, found, strict=True)):
        if value.shape != slope.shape:
            said = f"{patient.name(place)} is {value.shape}, but its gradient {slope.shape}."
            advice = "An update would broadcast, or fail. Sum over the samples, with keepdims=True for a (1, n)."
            raise UnfitError("shapes", "gradient_shape", said, advice)
    return [Finding("shapes", None, "the loss is one number, and each gradient has its parameter's shape.")]


def separate_samples(patient: Patient) -> list[Finding]:
    """Is the loss of the batch the mean, or the sum, of its samples' losses?"""
    each = [patient.loss(patient.params, *patient.samples(np.array([place]))) for place in range(patient.images)]
    whole, total = patient.loss(patient.params, patient.x, patient.y), float(np.sum(each))
    for name, expected in (("mean", total / patient.images), ("sum", total)):
        if abs(whole - expected) <= ROUNDING * max(1.0, abs(expected)):
            return [Finding("samples", None, f"the loss of the batch is the {name} of its samples' losses.")]
    said = (
        f"the loss of {patient.images} samples is {whole:.4g}, but one by one theirs have the mean "
        f"{total / patient.images:.4g} and the sum {total:.4g}: somewhere samples mix."
    )
    if 1 in patient.y.shape:
        return [Finding("samples", "broadcast", said, BROADCAST)]
    return [Finding("samples", "samples_mix", said, "Look for sums, means and maxima along the wrong axis.")]


def first_loss(patient: Patient) -> list[Finding]:
    """Is the loss about that of a guess, ln(C), as it should be before any training?"""
    guess, found = float(np.log(patient.classes)), patient.loss(patient.params, patient.x, patient.y)
    least, most = AS_A_GUESS
    for terms in (1, patient.images):
        if least <= found / terms / guess <= most:
            said = f"{found / terms:.3g} a sample, where a guess among {patient.classes} classes has {guess:.3g}."
            return [Finding("first loss", None, said)]
    said = f"it is {found:.3g}, where a guess among {patient.classes} classes has {guess:.3g}."
    if abs(found - np.log(patient.images)) < abs(found - guess):
        said += f" It is nearer to ln({patient.images}), that of a guess among the samples."
    advice = "Take smaller initial weights, or inputs of about 1, unless something named here explains it."
    return [Finding("first loss", "first_loss", said, advice)]


def code(patient: Patient) -> list[Finding]:
    """Is the softmax one, and the gradient that of the loss?"""
    rng = np.random.default_rng(0)
    params = [value + JITTER * rng.standard_normal(value.shape) for value in patient.params]
    softmax = check_softmax(patient.code, params, patient.x)
    gradient = check_gradient(patient.code, params, patient.x, patient.y, rng)
    check = CodeCheck(softmax, gradient, patient.images)
    where = f" Its relative error is {gradient.errors[gradient.worst]:.2g}, in {patient.name(gradient.worst)}."
    found = [
        Finding("softmax", mistake.name, mistake.said(check), mistake.advice)
        if "softmax" in mistake.name
        else Finding("gradient", mistake.name, mistake.said(check) + where, mistake.advice)
        for mistake in MISTAKES
        if mistake.is_in(check)
    ]
    well = {
        "softmax": "each sample's probabilities add up to 1, and stay the same where all logits are 1000 larger.",
        "gradient": f"it is that of the loss, to a relative error of {max(gradient.errors):.0e}.",
    }
    wrong = {finding.check for finding in found}
    return [*found, *(Finding(name, None, said) for name, said in well.items() if name not in wrong)]


def learning_by_heart(patient: Patient) -> list[Finding]:
    """Can the samples be learned by heart? Alpha grows while the loss falls, and is halved where it does not."""
    params, alpha = patient.params, 1.0
    first = now = patient.loss(params, patient.x, patient.y)
    slopes = patient.gradient(params, patient.x, patient.y)
    for _ in range(UPDATES):
        there = [value - alpha * slope for value, slope in zip(params, slopes, strict=True)]
        loss = patient.loss(there, patient.x, patient.y)
        if loss < now:
            params, now, alpha = there, loss, 1.2 * alpha
            slopes = patient.gradient(params, patient.x, patient.y)
        else:
            alpha /= 2
    said = f"in {UPDATES} updates, the loss of {patient.images} samples went from {first:.3g} to {now:.3g}"
    if now <= LEARNED * first:
        return [Finding("learning", None, f"{said}: they are learned by heart.")]
    advice = "What can't learn a few samples by heart won't learn from many. Mend what is named above first."
    return [Finding("learning", "does_not_learn", f"{said}, though alpha was fitted to each update.", advice)]


CHECKS = (labels, shapes, separate_samples, first_loss, code, learning_by_heart)
