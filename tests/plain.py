"""Shared by several tests: plain settings, and what makes two trainings the same."""

import numpy as np

from pipeline.settings.schema import Digits, Settings

PLAIN = Settings(
    dataset=Digits(kind="digits", name="digits"),
    normalise="standard",
    alpha=0.5,
    init="he",
    init_scale=0.01,
    iterations=100,
    hidden=[20],
    reduction="mean",
    batch_size=None,
    precision="portable",
    seed=0,
    fault=None,
)


def assert_same(training, expected):
    """Check that two trainings are bit-identical."""
    assert training.diverged == expected.diverged
    assert training.iterations == expected.iterations
    assert training.history == expected.history
    np.testing.assert_equal(training.vitals, expected.vitals)  # NaN is NaN
    for layer, other in zip(training.network, expected.network, strict=True):
        assert layer.weights.tobytes() == other.weights.tobytes()
        assert layer.bias.tobytes() == other.bias.tobytes()
