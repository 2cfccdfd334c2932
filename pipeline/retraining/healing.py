"""Heal a training: diagnose it, apply what is prescribed, train again."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.core.diagnosis.diagnosis import NO_CAUSE, Diagnosed
from pipeline.core.diagnosis.setup import Prescription
from pipeline.settings.schema import Settings
from pipeline.settings.validation import validate

MOST = 5  # trainings


class Attempt(NamedTuple):
    """A training on the way."""

    changes: Prescription  # to the settings of the one before
    settings: Settings
    diagnosed: Diagnosed

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.diagnosed.diagnosis.cause == NO_CAUSE

    @property
    def accuracy(self) -> float:
        """The validation accuracy, 0 to 1, of the network that it left; 0 where its outputs are no numbers."""
        training = self.diagnosed.training
        return 0.0 if training.diverged else training.history[-1].validation_accuracy


def attempts(chosen: Settings, train: Callable[[Settings], Diagnosed], most: int = MOST) -> Iterator[Attempt]:
    """Train with some settings, and again with what is prescribed, until nothing is; so many times at most."""
    changes: Prescription = {}
    for _ in range(most):
        attempt = Attempt(changes, chosen, train(chosen))
        yield attempt
        changes = attempt.diagnosed.diagnosis.prescription
        if not changes:
            return
        chosen = validate(chosen.model_dump() | changes)
