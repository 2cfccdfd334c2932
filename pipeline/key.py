"""What a training's result depends on, as one hash: where it is equal, one need not train again."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache

import numpy as np

from pipeline.files.dataset import About
from pipeline.files.paths import CHECKOUT
from pipeline.settings import Settings

DECIDES_RESULTS = ("pipeline/core/**/*.py", "pipeline/fit.py")


def key_of(chosen: Settings, about: About) -> str:
    """The key of a training: its settings, its data, and the code that makes the one into the other."""
    return hashed([chosen.of_the_model(), chosen.of_the_data(), about.data_md5, code_version()])


def sweep_key(keys: Sequence[str]) -> str:
    """The key of a sweep, from those of its points in any order."""
    return hashed(sorted(set(keys)))


@cache
def code_version() -> str:
    """The hash of the code that decides a training's result, and of NumPy's version."""
    files = sorted(file for pattern in DECIDES_RESULTS for file in CHECKOUT.glob(pattern))
    return hashed([np.__version__, *(file.read_text(encoding="utf-8") for file in files)])


def hashed(value: object) -> str:
    """The sha256 of a value, by its JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
