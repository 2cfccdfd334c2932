"""Heal a training: diagnose it, apply the prescription, train again."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.core.diagnosis.diagnosis import NO_CAUSE, Diagnosed
from pipeline.core.diagnosis.setup import Prescription
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate

MAX_TRAININGS = 5


class Attempt(NamedTuple):
    """One training on the way to a healthy one."""

    changes: Prescription  # since the previous attempt
    settings: Settings
    diagnosed: Diagnosed

    @property
    def is_healthy(self) -> bool:
        """Whether the diagnosis found nothing wrong."""
        return self.diagnosed.diagnosis.cause == NO_CAUSE

    @property
    def accuracy(self) -> float:
        """The final validation accuracy, 0 to 1; 0 after a divergence."""
        return self.diagnosed.training.final_accuracy


def attempts(chosen: Settings, train: Callable[[Settings], Diagnosed], most: int = MAX_TRAININGS) -> Iterator[Attempt]:
    """Train, apply the prescription, and train again until nothing is prescribed, at most `most` times."""
    changes: Prescription = {}
    for _ in range(most):
        attempt = Attempt(changes, chosen, train(chosen))
        yield attempt
        changes = attempt.diagnosed.diagnosis.prescription
        if not changes:
            return
        chosen = validate(chosen.model_dump() | changes)
