"""What a training's result depends on, as one hash: where it is equal, one need not train again."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache

import numpy as np

from pipeline.files.dataset import About
from pipeline.files.paths import CHECKOUT
from pipeline.settings.schema import Settings

# The code that makes settings and data into a trained network. In dvc.yaml, `train` depends on the same folders.
DECIDES_A_TRAINING = ("pipeline/core", "pipeline/datasets", "pipeline/files", "pipeline/settings", "pipeline/training")


def key_of(chosen: Settings, about: About) -> str:
    """The key of a training: its settings, its data, and the code that makes the one into the other."""
    return hashed([chosen.of_the_model(), chosen.of_the_data(), about.data_md5, code_version()])


def sweep_key(keys: Sequence[str]) -> str:
    """The key of a sweep, from those of its points in any order."""
    return hashed(sorted(set(keys)))


@cache
def code_version() -> str:
    """The hash of the code that decides a training's result, and of NumPy's version."""
    files = sorted(file for folder in DECIDES_A_TRAINING for file in (CHECKOUT / folder).rglob("*.py"))
    return hashed([np.__version__, *(file.read_text(encoding="utf-8") for file in files)])


def hashed(value: object) -> str:
    """The sha256 of a value, by its JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
