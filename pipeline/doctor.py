"""Is your own network right? Checks of functions that you wrote in NumPy, on a batch of your data.

    from pipeline.doctor import examine
    print(examine(forward, loss, gradient, params, x, y))

`params` are arrays in a list, a tuple or a dictionary, layer by layer, weights before biases, before any training.
`forward(params, x)` gives the probabilities of each sample's classes, `loss(params, x, y)` their cross-entropy, and
`gradient(params, x, y)` an array for each parameter, in the same order. Samples may lie in rows or in columns; `y` are
class numbers or one-hot. At most 32 samples are used, in float64, and nothing of yours is changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.code import CodeCheck, check_gradient, check_softmax
from pipeline.core.diagnosis.mistakes import MISTAKES
from pipeline.core.diagnosis.patient import BROADCAST, Finding, Patient, UnfitError

JITTER = 1e-2  # added to each parameter before gradients are compared: those of a network of zeros are zeros
ROUNDING = 1e-6  # of two losses that should be equal, to their size
AS_A_GUESS = (0.7, 2.0)  # a loss before any training, over that of a guess
UPDATES = 500
LEARNED_BY_HEART = 0.1  # of the loss before
WIDTH = 100


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
    forward: Callable[[Any, Any], Any],
    loss: Callable[[Any, Any, Any], Any],
    gradient: Callable[[Any, Any, Any], Any],
    params: Any,
    x: Any,
    y: Any,
) -> Report:
    """Check the functions of a network on a batch. What is wrong with them, or what they raise, is in the report."""
    findings: list[Finding] = []
    try:
        with np.errstate(all="ignore"):
            patient = Patient({"forward": forward, "loss": loss, "gradient": gradient}, params, x, y)
            for check in (labels, shapes, repeatable, separate_samples, first_loss, different_units, code):
                findings += check(patient)
            findings += learning_by_heart(patient, all(finding.problem is None for finding in findings))
    except UnfitError as unfit:
        findings.append(unfit.finding)
    return Report(findings)


def labels(patient: Patient) -> list[Finding]:
    """Are the labels one-hot, or classes that the network has? And are all inputs numbers?"""
    y = patient.y
    if not (np.isfinite(patient.x).all() and np.isfinite(y).all()):
        raise UnfitError("labels", "not_finite", "x or y has a NaN or an infinity.", "Find it with np.isfinite.")
    if patient.classes == 1:
        said = "the network has one output, and so one class, whose probability is always 1."
        raise UnfitError("labels", "one_class", said, "For yes and no, give two columns, 1 - p and p.")
    if y.ndim == 2 and 1 not in y.shape:
        rows = y if patient.axis == 0 else y.T
        if (
            rows.shape != (patient.images, patient.classes)
            or not np.isin(y, (0, 1)).all()
            or (rows.sum(axis=1) != 1).any()
        ):
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
    loss = patient.loss(patient.params, patient.x, patient.y)
    patient.gradient(patient.params, patient.x, patient.y)
    if not np.isfinite(loss):
        advice = (
            "Smaller inputs (pixels / 255), smaller initial weights, each row's largest z taken off before `np.exp`."
        )
        raise UnfitError("first loss", "not_finite", f"the loss is {loss} before any training.", advice)
    return [Finding("shapes", None, "the loss is one number, and each gradient has its parameter's shape.")]


def repeatable(patient: Patient) -> list[Finding]:
    """Do the functions give the same each time?"""
    losses = {patient.loss(patient.params, patient.x, patient.y) for _ in range(3)}
    if len(losses) > 1:
        advice = "Turn off what is random, as dropout, before you check the rest."
        raise UnfitError("samples", "random", "the loss of the same batch is another one each time.", advice)
    return []


def separate_samples(patient: Patient) -> list[Finding]:
    """Is the loss of the batch the mean, or the sum, of its samples' losses?"""
    each = [patient.loss(patient.params, *patient.samples(np.array([place]))) for place in range(patient.images)]
    whole, total = patient.loss(patient.params, patient.x, patient.y), float(np.sum(each))
    # A penalty on the weights is in each sample's loss once, and in that of the batch, too.
    halves = np.array_split(np.arange(patient.images), 2) if patient.images > 1 else []
    penalty = sum(patient.loss(patient.params, *patient.samples(half)) for half in halves) - whole if halves else 0.0
    of_sum = total - (patient.images - 1) * penalty
    for name, expected in (("mean", total / patient.images), ("sum", total), ("sum", of_sum)):
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
    one = patient.loss(patient.params, *patient.samples(np.array([0])))
    is_sum = abs(found - patient.images * one) < abs(found - one) and found > guess * patient.images / 2
    found /= patient.images if is_sum else 1
    least, most = AS_A_GUESS
    if least <= found / guess <= most:
        said = f"{found:.3g} a sample, where a guess among {patient.classes} classes has {guess:.3g}."
        return [Finding("first loss", None, said)]
    said = f"it is {found:.3g} a sample, where a guess among {patient.classes} classes has {guess:.3g}."
    if abs(found - np.log(patient.images)) < 0.1 * found:
        said += f" That is about ln({patient.images}), a guess among the samples."
    advice = "Take smaller initial weights, or inputs of about 1, unless something named here explains it."
    return [Finding("first loss", "first_loss", said, advice)]


def different_units(patient: Patient) -> list[Finding]:
    """Do the weights of a layer differ, so that its units can?"""
    for name, value in zip(patient.names, patient.params, strict=True):
        if value.ndim == 2 and min(value.shape) > 1 and np.ptp(value) == 0:
            said = f"all of {name} is {value.flat[0]:g}: units that start the same stay the same."
            return [Finding("start", "symmetric_initialisation", said, "Draw the weights at random.")]
    return []


def code(patient: Patient) -> list[Finding]:
    """Is the softmax one, and the gradient that of the loss?"""
    if is_single_precision(patient):
        said = "your functions compute in float32, too coarse to compare the gradient with differences of the loss."
        return [Finding("gradient", None, said, "Let them keep the float64 that they are given.")]
    rng = np.random.default_rng(0)
    params = [value + JITTER * rng.standard_normal(value.shape) for value in patient.params]
    x = as_normalised(patient.x)
    softmax = check_softmax(patient.code, params, x)
    gradient = check_gradient(patient.code, params, x, patient.y, rng)
    check = CodeCheck(softmax, gradient, patient.images)
    worst = f" The relative error is {gradient.errors[gradient.worst]:.2g} in {patient.names[gradient.worst]}."
    where = {"softmax": "", "gradient": worst}
    found = [
        Finding(mistake.part, mistake.name, mistake.said(check) + where[mistake.part], mistake.advice)
        for mistake in MISTAKES
        if mistake.is_in(check)
    ]
    well = {
        "softmax": "each sample's probabilities add up to 1, and stay the same where all logits are 1000 larger.",
        "gradient": f"it is that of the loss, to a relative error of {max(gradient.errors):.0e}.",
    }
    wrong = {finding.check for finding in found}
    return [*found, *(Finding(name, None, said) for name, said in well.items() if name not in wrong)]


def learning_by_heart(patient: Patient, is_well: bool) -> list[Finding]:
    """Can the samples be learned by heart? Alpha grows while the loss falls, and is halved where it does not."""
    params, x, y, alpha = patient.params, as_normalised(patient.x), patient.y, 1.0
    first = now = patient.loss(params, x, y)
    slopes = patient.gradient(params, x, y)
    for _ in range(UPDATES):
        there = [value - alpha * slope for value, slope in zip(params, slopes, strict=True)]
        loss = patient.loss(there, x, y)
        if loss < now:
            params, now, alpha = there, loss, 1.2 * alpha
            slopes = patient.gradient(params, x, y)
        else:
            alpha /= 2
    said = f"in {UPDATES} updates, the loss of {patient.images} samples went from {first:.3g} to {now:.3g}"
    if now <= LEARNED_BY_HEART * first:
        return [Finding("learning", None, f"{said}: they are learned by heart.")]
    if is_well:
        advice = "A wider network may; or samples that look the same have different labels, or the gradients vanish."
        return [Finding("learning", None, f"{said}: they are not learned by heart.", advice)]
    advice = "What can't learn a few samples by heart won't learn from many. Mend what is named above first."
    return [Finding("learning", "does_not_learn", f"{said}, though alpha was fitted to each update.", advice)]


def as_normalised(x: Array) -> Array:
    """Inputs of 1 at most: how large they are is no matter of the code."""
    return x / max(1.0, float(np.abs(x).max()))


def is_single_precision(patient: Patient) -> bool:
    """Whether what the functions give has fewer digits than a float64."""
    given = [patient.call(name, patient.params, patient.x, patient.y) for name in ("forward", "loss")]
    return any(np.asarray(value).dtype in (np.float16, np.float32) for value in given)
