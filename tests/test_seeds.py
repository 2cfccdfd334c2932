"""Settings compared over seeds: the best by their mean, and whether that is more than luck."""

import numpy as np
import pandas as pd
import pytest
from plain import PLAIN

from pipeline.comparison.results import Result, best_as_text, best_settings, comparison, has_best, summary
from pipeline.comparison.seeds import Duel, by_setting, duel, luck_as_text
from pipeline.core.diagnosis.diagnosis import Diagnosis
from pipeline.core.training import Record, Training


def result(accuracy, **changes):
    """A result with this validation accuracy; None for one that diverged."""
    diverged = accuracy is None
    history = [] if diverged else [Record(100, 0.2, 0.9, 0.3, accuracy)]
    diagnosis = Diagnosis("diverged" if diverged else "converged", "none", None, "", "", {})
    settings = PLAIN.model_copy(update=changes)
    return Result(settings, Training((), history, [], diverged, 100), diagnosis, str(sorted(changes.items())))


def over_seeds(alpha, accuracies):
    return [result(accuracy, alpha=alpha, seed=seed) for seed, accuracy in enumerate(accuracies)]


LUCKY, STEADY = over_seeds(0.1, [0.99, 0.80, 0.82]), over_seeds(0.2, [0.93, 0.92, 0.94])


def test_the_best_setting_is_the_best_by_its_mean_not_the_one_with_the_luckiest_seed():
    table = comparison([*LUCKY, *STEADY])
    assert table.alpha.tolist() == [0.2] * 3 + [0.1] * 3
    assert table.seed.tolist() == [2, 0, 1, 0, 2, 1]
    assert best_settings(table) == "alpha=0.2"
    metrics = summary(table)
    assert metrics["best_validation_accuracy"] == pytest.approx(0.93)
    assert metrics["best_validation_accuracy_std"] == pytest.approx(0.01)


def test_the_table_has_a_line_for_each_setting_with_its_spread():
    header, first, second = best_as_text(comparison([*LUCKY, *STEADY])).splitlines()
    assert header.split() == ["alpha", "seeds", "outcome", "cause", "validation_accuracy", "std", "validation_loss"]
    assert first.split() == ["0.2", "3", "converged", "none", "93.00%", "1.00%", "0.3"]
    assert second.split()[:2] == ["0.1", "3"]


def test_one_seed_has_no_spread_and_the_sentence_says_what_would_tell():
    table = comparison([result(0.9, alpha=0.1), result(0.8, alpha=0.2)])
    assert "std" not in best_as_text(table)
    assert luck_as_text(table) == "alpha=0.1 may have beaten alpha=0.2 by luck: add 'seed=range(5)' to find out."


def test_a_setting_that_diverged_once_or_has_a_fault_is_not_the_best():
    once = over_seeds(0.5, [0.99, None, 0.99])
    faulty = [result(0.98, fault="gradient_sign")]
    table = comparison([*once, *faulty, *LUCKY])
    assert table.alpha[0] == 0.1
    nothing = comparison([*once, *faulty])
    assert not has_best(nothing)
    assert best_settings(nothing) == ""
    assert "best_validation_accuracy" not in summary(nothing)


def test_settings_are_compared_over_the_seeds_they_share():
    table = comparison([*over_seeds(0.1, [0.9, 0.91, 0.95, 0.2]), *over_seeds(0.2, [0.8, 0.83, 0.82])])
    alphas = by_setting(table).alpha
    first, second = (alphas.index[alphas == alpha][0] for alpha in (0.1, 0.2))
    found = duel(table, first, second)
    assert found.seeds == 3
    assert found.mean == pytest.approx((0.1 + 0.08 + 0.13) / 3)
    # By hand: t for 95 % and two degrees of freedom is 4.3027.
    assert found.low == pytest.approx(found.mean - 4.3027 * found.spread / 3**0.5, abs=1e-5)
    assert found.is_decided


def test_equal_differences_prove_nothing():
    table = comparison([*over_seeds(0.1, [0.9, 0.8]), *over_seeds(0.2, [0.89, 0.79])])
    assert "That may be luck" in luck_as_text(table)


def test_a_clear_winner_is_called_one():
    words = luck_as_text(comparison([*STEADY, *over_seeds(0.3, [0.53, 0.521, 0.545])]))
    assert words.startswith("alpha=0.2 leads alpha=0.3 by ")
    assert words.endswith("paired over 3 seeds): more than luck.")


def test_a_sweep_of_one_setting_has_nothing_to_compare():
    assert luck_as_text(comparison(STEADY)) == ""


def best_against_next(means, seeds, rng):
    """The two best of settings with these true means, whose accuracies vary by 1 % between seeds."""
    accuracies = np.reshape(means, (-1, 1)) + rng.normal(0, 0.005, seeds) + rng.normal(0, 0.01, (len(means), seeds))
    other, best = accuracies[np.argsort(accuracies.mean(axis=1))[-2:]]
    return Duel.of(pd.Series(best - other))


@pytest.mark.parametrize("seeds", [2, 5, 10])
@pytest.mark.parametrize("settings", [2, 3, 20])
def test_among_equal_settings_a_winner_is_rarely_claimed(settings, seeds):
    """The test has 5 %. Two settings reach it, more do not."""
    rng = np.random.default_rng(0)
    claims = [best_against_next([0.9] * settings, seeds, rng).is_decided for _ in range(1000)]
    assert np.mean(claims) <= (0.065 if settings == 2 else 0.05)


def test_a_true_difference_is_found():
    """Of 3.3 standard errors, with ten seeds. Of 2, a t-test finds 43 %, and the best possible test 64 %."""
    rng = np.random.default_rng(1)
    standard_error = 0.01 * 2**0.5 / 10**0.5
    for errors, least, most in ((2, 0.36, 0.5), (3.3, 0.8, 0.9)):
        found = [best_against_next([0.9, 0.9 - errors * standard_error], 10, rng) for _ in range(400)]
        assert least <= np.mean([one.is_decided and one.mean > 0 for one in found]) <= most


def test_the_number_of_seeds_that_would_tell_is_about_right():
    few = Duel(seeds=8, mean=0.010, spread=0.016, low=-0.003, high=0.023)
    rng = np.random.default_rng(2)
    found = [Duel.of(pd.Series(rng.normal(few.mean, few.spread, few.seeds_needed))).is_decided for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    assert Duel.of(pd.Series([0.01, -0.0101])).seeds_needed is None
