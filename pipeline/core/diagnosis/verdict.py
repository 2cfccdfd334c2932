"""From everything known about a training to its diagnosis."""

from math import isfinite

from pipeline.core.diagnosis.causes import CAUSES
from pipeline.core.diagnosis.diagnosis import NO_CAUSE, Diagnosis, Outcome
from pipeline.core.diagnosis.outcome import Case, outcome_of
from pipeline.core.diagnosis.words import advice_to_set, loss_change, pace

DIGITS = 4  # significant ones: any more would say more about the machine than about the training
NOISE = 1e-5  # relative error of a correct gradient


def diagnose(case: Case) -> Diagnosis:
    """The outcome of a training, and the first cause that applies."""
    outcome = outcome_of(case)
    for name, cause in CAUSES.items():
        if found := cause(case):
            advice = f"{found.advice} {advice_to_set(found.prescription)}".strip()
            return Diagnosis(
                outcome, name, found.since, found.sentence.strip(), advice, evidence(case), found.prescription
            )
    return Diagnosis(outcome, NO_CAUSE, None, healthy(case), what_next(outcome), evidence(case))


def healthy(case: Case) -> str:
    """How well a healthy training went, and how far it still has to go."""
    learned_after = pace(case) if outcome_of(case) == "still learning" else ""
    return (
        f"Nothing is wrong.{loss_change(case)} The network classifies {case.last.accuracy:.1%} of the training images "
        f"and {case.last.validation_accuracy:.1%} of the validation images correctly.{learned_after}"
    )


def what_next(outcome: Outcome) -> str:
    """What to try after a healthy training."""
    if outcome == "still learning":
        return "Train for more iterations: the loss was still falling in the second half."
    return "More iterations would gain little; wider hidden layers or more images might help."


def evidence(case: Case) -> dict[str, float]:
    """The numbers behind the diagnosis, where available."""
    code, data = case.checkup.code, case.checkup.data
    numbers: dict[str, float | None] = {
        "alpha": case.alpha,
        "stable_alpha": case.stable_alpha,
        "loss_of_a_guess": data.guess,
        "chance": data.chance,
        "accuracy_of_nearest_mean": data.by_nearest_mean,
        "input_size": data.input_size,
        "gradient_error": code.error if code.error > NOISE else 0.0,
        "first_largest_logit": case.checkup.largest_logit,
    }
    if case.training.history:
        first = case.training.history[0]
        numbers |= {f"first_{name}": value for name, value in first._asdict().items() if name != "iteration"}
        numbers |= {f"last_{name}": value for name, value in case.last._asdict().items() if name != "iteration"}
        numbers |= {f"last_{name}": value for name, value in case.training.vitals[-1].signs.flat().items()}
    known = {name: rounded(value) for name, value in numbers.items() if value is not None}
    return {name: value for name, value in known.items() if isfinite(value)}


def rounded(value: float) -> float:
    """Round to a few significant digits."""
    return float(f"{value:.{DIGITS}g}")
