"""Sentences about numbers at the edge of what a float holds."""

from types import SimpleNamespace

import pytest

from pipeline.core.diagnosis.outcome import iterations_at_this_pace
from pipeline.core.diagnosis.words import alpha_vs_stable, pace
from pipeline.core.training import Record


@pytest.mark.parametrize(
    ("alpha", "stable", "expected"),
    [
        (0.3, 0.1, " alpha 0.3 is 3 times the stable alpha 0.1."),
        (0.1, 0.3, " alpha 0.1 is 1/3 of the stable alpha 0.3."),
        (1.0, 1.02, " alpha 1 is about equal to the stable alpha 1."),
        (1e300, 1e-300, " alpha 1e+300 is more than a million times the stable alpha 1e-300."),
        (5e-324, 1.0, " alpha 4.94066e-324 is less than a millionth of the stable alpha 1."),
        (0.1, 0.0, " The loss is so steep that no alpha is stable."),
        (0.1, None, ""),
    ],
)
def test_alpha_is_compared_with_any_stable_alpha(alpha, stable, expected):
    assert alpha_vs_stable(SimpleNamespace(alpha=alpha, stable_alpha=stable)) == expected


def case_of(*losses):
    """A training with these losses after 0, 1, 2, ... iterations; guessing costs 1."""
    history = [Record(iteration, loss, 0.5, loss, 0.5) for iteration, loss in enumerate(losses)]
    checkup = SimpleNamespace(data=SimpleNamespace(guess=1.0))
    return SimpleNamespace(
        training=SimpleNamespace(history=history), curve=list(losses), last=history[-1], checkup=checkup
    )


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ((2.0, 1.6, 0.8), 16),  # halved when the iterations doubled; three more halvings to 0.1
        ((2.0, 0.5, 0.5), None),
        ((2.0, 0.5, 0.6), None),
        ((2.0, 1.0, 0.0), 2),
        ((2.0, 0.0, 0.0), None),
        ((1e38, 1e38, 1e18), pytest.approx(2 * 2 ** (19 / 20))),  # 1 - 1e-20 is 1
    ],
)
def test_the_pace_is_that_of_any_finite_losses(losses, expected):
    assert iterations_at_this_pace(case_of(*losses)) == expected


def test_nothing_is_said_about_the_pace_of_a_loss_that_is_0():
    assert pace(case_of(2.0, 1.0, 0.0)) == ""
