"""Our own exp, log and normal numbers, compared with NumPy's."""

import numpy as np
import pytest

from pipeline.core.elementary import exp, log, standard_normal

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("least", [-1.0, -50.0, -690.0])
def test_exp_is_accurate_to_ten_digits(least):
    x = RNG.uniform(least, 20, 10_000)
    np.testing.assert_allclose(exp(x.copy()), np.exp(x), rtol=1e-10)


def test_exp_of_extreme_values():
    with np.errstate(all="ignore"):
        found = exp(np.array([0.0, -np.inf, -1e300, 1e300, np.nan, 709.4]))
    assert found[0] == 1
    assert found[1] == found[2] == pytest.approx(0, abs=1e-300)
    assert found[3] == np.inf
    assert np.isnan(found[4])
    assert found[5] == pytest.approx(np.exp(709.4), rel=1e-10)


@pytest.mark.parametrize("reach", [1e-3, 1.0, 300.0])
def test_log_is_accurate_to_fourteen_digits(reach):
    x = np.exp(RNG.uniform(-reach, reach, 10_000))
    np.testing.assert_allclose(log(x), np.log(x), rtol=1e-14, atol=1e-15)


def test_log_of_extreme_values():
    with np.errstate(all="ignore"):
        found = log(np.array([1.0, 0.0, np.nan, np.inf, 5e-324]))
    assert found[0] == 0
    assert found[1] == -np.inf
    assert not np.isfinite(found[2:4]).any()
    assert found[4] == pytest.approx(np.log(5e-324))


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    drawn = standard_normal(np.random.default_rng(1), (1000, 300))
    assert drawn.shape == (1000, 300)
    moments = [(drawn**power).mean() for power in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.03)
    assert (np.abs(drawn) > 3).mean() == pytest.approx(0.0027, abs=0.0005)


def test_the_seed_decides_the_numbers_and_none_repeats():
    one, other = (standard_normal(np.random.default_rng(seed), (50, 3)) for seed in (1, 2))
    np.testing.assert_array_equal(one, standard_normal(np.random.default_rng(1), (50, 3)))
    assert len(np.unique([one, other])) == 300
