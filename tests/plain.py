"""Shared by several tests: plain settings, a stack of them, and what makes two trainings the same."""

import numpy as np

from pipeline.core.normalisation import divide_255
from pipeline.files.dataset import About, Dataset, Part
from pipeline.grid.points import Point
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


def stack_of(alphas: list[float], images: int = 300, pixels: int = 64, **settings) -> list[Point]:
    """A stack on random images."""
    rng = np.random.default_rng(0)
    part = Part(rng.integers(0, 256, (images, pixels), "uint8"), rng.integers(0, 10, images, "uint8"))
    dataset = Dataset({"train": part, "validation": part}, divide_255(part.pixels), About({}, "", (1, pixels), 10))
    each = [PLAIN.model_copy(update={"alpha": alpha, **settings}) for alpha in alphas]
    return [Point(number, [], chosen, dataset, str(number)) for number, chosen in enumerate(each)]


def assert_same(training, expected):
    """Check that two trainings are bit-identical."""
    assert training.diverged == expected.diverged
    assert training.iterations == expected.iterations
    assert training.history == expected.history
    np.testing.assert_equal(training.vitals, expected.vitals)  # NaN is NaN
    for layer, other in zip(training.network, expected.network, strict=True):
        assert layer.weights.tobytes() == other.weights.tobytes()
        assert layer.bias.tobytes() == other.bias.tobytes()
