"""A checkpoint on disk: one file of arrays and JSON, behind their sha256."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.descent import Checkpoint
from pipeline.core.fast.stack import Stack, member, stack
from pipeline.core.training import Progress, Record, Training, Vitals
from pipeline.files.paths import content_of, write_whole

DIGEST = hashlib.sha256().digest_size  # bytes
ABOUT = "about"  # the array that holds the JSON, which keeps every bit of a float


def write_checkpoint(file: Path, keys: Sequence[str], checkpoint: Checkpoint) -> None:
    """Write a checkpoint of the trainings with these keys, all of it or nothing."""
    arrays = layers("stacked", checkpoint.stacked) | layers("gradient", checkpoint.gradient)
    for place, one in enumerate(checkpoint.progress):
        for end, training in enumerate(one.trainings):
            arrays |= layers(f"network-{place}-{end}", stack([training.network]))
    progress = [rows(one) | {"trainings": [*map(ending, one.trainings)]} for one in checkpoint.progress]
    about = {"keys": list(keys), "iteration": checkpoint.iteration, "progress": progress}
    arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    content = BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_whole(file, hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())


def read_checkpoint(file: Path) -> tuple[list[str], Checkpoint]:
    """The keys of the trainings, and their checkpoint. Raises ValueError if the file is damaged."""
    content = content_of(file)
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        raise ValueError("its sha256 is not the one it starts with")
    with np.load(BytesIO(content[DIGEST:]), allow_pickle=False) as archive:
        arrays = dict(archive)
    about = json.loads(arrays[ABOUT].tobytes())
    progress = [progress_of(one, place, arrays) for place, one in enumerate(about["progress"])]
    stacked, gradient = stack_of("stacked", arrays), stack_of("gradient", arrays)
    return about["keys"], Checkpoint(about["iteration"], stacked, gradient, progress)


def progress_of(values: Mapping[str, Any], place: int, arrays: Mapping[str, Array]) -> Progress:
    """The progress of the trajectory at a place."""
    trainings = [
        Training(
            member(stack_of(f"network-{place}-{end}", arrays), 0),
            *history_and_vitals(training),
            training["diverged"],
            training["iterations"],
        )
        for end, training in enumerate(values["trainings"])
    ]
    return Progress(*history_and_vitals(values), trainings)


def layers(name: str, stacked: Stack) -> dict[str, Array]:
    """The tables of a stack under a name."""
    return {f"{name}-{depth}": table for depth, table in enumerate(stacked)}


def stack_of(name: str, arrays: Mapping[str, Array]) -> Stack:
    """The inverse of `layers`."""
    return [arrays[known] for known in takewhile(arrays.__contains__, (f"{name}-{depth}" for depth in count()))]


def rows(recorded: Progress | Training) -> dict[str, Any]:
    """The history and the vital signs as JSON."""
    return {"history": recorded.history, "vitals": [row.flat() for row in recorded.vitals]}


def history_and_vitals(values: Mapping[str, Any]) -> tuple[list[Record], list[Vitals]]:
    """The inverse of `rows`."""
    return [Record(*row) for row in values["history"]], [Vitals.from_flat(row) for row in values["vitals"]]


def ending(training: Training) -> dict[str, Any]:
    """A training that has ended as JSON, without its network."""
    return rows(training) | {"diverged": training.diverged, "iterations": training.iterations}
