"""Hypothesis strategies for networks and images of any shape, the strangest included."""

import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.diagnosis import as_markdown
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.initialisation import SCHEMES, initialise
from pipeline.core.network import Layer, in_precision
from pipeline.core.normalisation import METHODS

PIXELS = {
    "all 0": lambda _rng, shape: np.zeros(shape),
    "all 255": lambda _rng, shape: np.full(shape, 255),
    "any": lambda rng, shape: rng.integers(0, 256, shape),
    "mostly 0": lambda rng, shape: rng.integers(0, 256, shape) * (rng.random(shape) < 0.2),
    "one varies": lambda rng, shape: np.where(np.arange(shape[1]) == 0, rng.integers(0, 256, shape), 9),
}
# A float32 network can hold the sizes of the first list, and what it computes from them.
SIZES = {"float32": [1e-30, 1e-3, 1.0, 1e8], "float64": [1e-300, 1e-30, 1e-3, 1.0, 1e3, 1e30]}


def examples(share):
    """Try this share of the examples that Hypothesis' profile asks for, the same ones every time."""
    return settings(max_examples=round(share * settings().max_examples), derandomize=True, deadline=None)


class Images(NamedTuple):
    """Images, and how they are normalised."""

    pixels: Array
    labels: Array
    method: str

    @property
    def affine(self):
        return METHODS[self.method](self.pixels)

    @property
    def sizes(self):
        """How many inputs and classes a network for them has."""
        return self.pixels.shape[1], int(self.labels.max()) + 1


@st.composite
def images(draw):
    """Images (n, d) of up to four classes; all of one class, or a single one, among them."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 20))
    pixels = PIXELS[draw(st.sampled_from(list(PIXELS)))](rng, shape).astype(np.uint8)
    labels = rng.integers(0, draw(st.integers(1, 4)), shape[0])
    return Images(pixels, labels, draw(st.sampled_from([name for name in METHODS if name != "unit" or np.ptp(pixels)])))


@st.composite
def networks(draw, some, precision, count):
    """Networks for some images, of the same layer sizes, initialised as usual or with weights of any size."""
    width, classes = some.sizes
    sizes = [width, *draw(st.lists(st.integers(1, 30), min_size=1, max_size=3)), classes]
    return [draw(network(sizes, precision)) for _ in range(count)]


@st.composite
def network(draw, sizes, precision):
    rng, dtype = np.random.default_rng(draw(st.integers(0, 999))), ARITHMETIC[precision].dtype
    if scheme := draw(st.sampled_from([None, *SCHEMES])):
        return initialise(sizes, scheme, draw(st.sampled_from([1e-300, 1e-3, 10.0])), dtype, rng)
    scales = [draw(st.sampled_from(SIZES[dtype])) for _ in sizes[1:]]
    layers = [
        Layer(size * rng.standard_normal(shape), size * rng.standard_normal(shape[1]))
        for shape, size in zip(pairwise(sizes), scales, strict=True)
    ]
    return in_precision(tuple(layers), dtype)


def assert_sane(diagnosis, setup):
    """Check that a diagnosis holds no number that is not finite, and in its sentence none that only alpha can be."""
    assert not re.search(r"\b(inf|nan)\b", as_markdown(diagnosis))
    text = diagnosis.sentence.replace(f"alpha {setup.alpha:g} ", "")
    assert not re.search(r"e[+-]\d{3}|\d{16}|(,\d{3}){5}", text)
    assert np.isfinite([*diagnosis.evidence.values()]).all()
    assert 0 < diagnosis.prescription.get("alpha", 1.0) < np.inf
    assert diagnosis.prescription.get("iterations", 1) <= 1e6
