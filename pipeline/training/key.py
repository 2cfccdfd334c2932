"""Hash everything that a training's result depends on: with an equal key, there is no need to train again."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache

import numpy as np

from pipeline.files.dataset import Dataset
from pipeline.files.paths import CHECKOUT
from pipeline.settings.schema import Settings

# In dvc.yaml, the stage `train` depends on the same folders.
TRAINING_CODE = ("pipeline/core", "pipeline/datasets", "pipeline/files", "pipeline/settings", "pipeline/training")


def key_of(chosen: Settings, dataset: Dataset) -> str:
    """The key of a training, from its settings, the images it trains on, and the code."""
    return hashed([chosen.of_the_model(), chosen.of_the_data(), dataset.parts_sha256, code_version()])


def key_of_all(keys: Sequence[str]) -> str:
    """The key of several trainings, such as a sweep, from their keys in any order."""
    return hashed(sorted(set(keys)))


@cache
def code_version() -> str:
    """The hash of NumPy's version and of all code that affects a training's result."""
    files = sorted(file for folder in TRAINING_CODE for file in (CHECKOUT / folder).rglob("*.py"))
    return hashed([np.__version__, *(file.read_text(encoding="utf-8") for file in files)])


def hashed(value: object) -> str:
    """The sha256 of a value's JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
