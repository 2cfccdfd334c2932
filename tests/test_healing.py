"""The healing loop, and a sample of the settings measured by `python -m tests.benchmarks.heal`."""

from itertools import islice, pairwise

from plain import PLAIN

from tests.benchmarks.heal import DIGITS_PROBLEM, TRAINS, attempts, failing, is_alarm, training


def test_each_attempt_follows_the_previous_prescription():
    done = list(attempts(PLAIN.model_copy(update={"alpha": 5.0, "hidden": [2] * 12}), DIGITS_PROBLEM.train))
    assert done[0].changes == {}
    assert not done[0].is_healthy
    for before, attempt in pairwise(done):
        assert attempt.changes == before.diagnosed.diagnosis.prescription
        assert attempt.settings == before.settings.model_copy(update=attempt.changes)
    assert done[-1].is_healthy
    assert done[-1].accuracy > TRAINS * DIGITS_PROBLEM.good


def test_attempts_stop_at_the_maximum():
    assert len(list(attempts(PLAIN.model_copy(update={"alpha": 5.0}), DIGITS_PROBLEM.train, 1))) == 1


def test_a_training_that_diverges_at_once_has_accuracy_zero():
    lost = PLAIN.model_copy(update={"init": "normal", "init_scale": 10.0, "hidden": [20] * 40, "iterations": 5})
    [attempt] = attempts(lost, DIGITS_PROBLEM.train, 1)
    assert attempt.accuracy == 0


def test_random_settings_that_fail_are_healed():
    sample = list(islice(failing(DIGITS_PROBLEM, seed=10), 5))
    assert all(one.prescriptions for one in sample), "\n".join(map(str, sample))
    assert sum(one.prescriptions == 1 for one in sample) >= 4, "\n".join(map(str, sample))


def test_random_settings_that_train_are_left_alone():
    assert [attempt for attempt in islice(training(DIGITS_PROBLEM, seed=11), 5) if is_alarm(attempt)] == []
