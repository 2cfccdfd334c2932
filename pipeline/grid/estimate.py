"""Estimate how long stacks would train, from a short trial of each kind.

A trial trains a stack for a few iterations, on so few images that it takes a moment. Iterations without a row in the
history are the cheapest, and those whose networks are examined the most expensive, so each kind has its own price. An
examination costs the same however many images there are. The price is of one network, since a stack sheds networks as
their trainings end.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil
from statistics import median
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core.fast.engine import inputs_of
from pipeline.core.fast.stack import stack
from pipeline.core.fast.staircase import staircase
from pipeline.core.training import is_examined, is_recorded
from pipeline.files.dataset import Dataset, Part
from pipeline.grid.points import Point
from pipeline.grid.stacks import trajectories, work_of
from pipeline.settings.schema import Settings
from pipeline.training.fit import descent_of, fit, sizes_of, some_of, untrained

ITERATIONS = 15  # of a trial: ten of them are examined
WORK = 5e8  # multiplications in an iteration of a trial
FEWEST = 500  # images, where there are as many
PATIENCE = 3.0  # seconds for all trials


class Price(NamedTuple):
    """What a network costs, in seconds."""

    around: float  # before and after its iterations
    examined: float  # each iteration
    recorded: float
    other: float

    def of(self, iterations: int) -> float:
        """The price of a training."""
        rows = [number for number in range(iterations) if is_recorded(number)]
        examined = sum(map(is_examined, rows))
        others = iterations - len(rows)
        return self.around + examined * self.examined + (len(rows) - examined) * self.recorded + others * self.other


class Kind(NamedTuple):
    """What stacks have in common if a network costs the same in each."""

    settings: str
    zeros: float  # the share of networks that start at zero


def training_seconds(stacks: Sequence[Sequence[Point]], trial: Callable[[Sequence[Point]], Price]) -> float:
    """About how long it takes to train stacks, one after another, given what finds the price in a stack.

    If trying every kind takes too long, those with the most work are tried, and the others cost as much for their work.
    """
    kinds: dict[Kind, list[Sequence[Point]]] = {}
    for points in stacks:
        kinds.setdefault(kind_of(points), []).append(points)
    work = {kind: sum(map(work_of, alike)) for kind, alike in kinds.items()}
    seconds, tried_work, started = 0.0, 0, time.monotonic()
    for kind in sorted(kinds, key=lambda kind: -work[kind]):
        if not tried_work or time.monotonic() - started < PATIENCE:
            price = trial(max(kinds[kind], key=len))
            seconds += sum(price.of(longest.iterations) for points in kinds[kind] for longest in trajectories(points))
            tried_work += work[kind]
    return seconds * sum(work.values()) / (tried_work or 1)


def kind_of(points: Sequence[Point]) -> Kind:
    """The kind of a stack. Networks that start at zero need fewer products than others."""
    longest = trajectories(points)
    same = longest[0].model_dump_json(include={"hidden", "batch_size", "precision", "fault"})
    return Kind(same, sum(chosen.init == "zeros" for chosen in longest) / len(longest))


def tried(points: Sequence[Point], threads: int) -> Price:
    """The price of a network in a stack, from a trial."""
    longest = trajectories(points)
    few, share = sample(longest, points[0].dataset)
    short = [chosen.model_copy(update={"iterations": min(ITERATIONS, chosen.iterations)}) for chosen in longest]
    fit(short[:1], few, threads, lambda _iteration, _rows: None)  # what runs for the first time takes longer
    times = [time.perf_counter()]
    fit(short, few, threads, lambda _iteration, _rows: times.append(time.perf_counter()))
    ended = time.perf_counter()
    steps = np.diff(times)[1:]  # of iterations 1, 2, ...
    examined = median(steps[:9])
    recorded = median(steps[10:-1]) if len(steps) > 11 else examined
    examination = max(0.0, examined - recorded)
    around = ended - times[0] - float(steps.sum())
    other = unrecorded(longest, few, threads)
    prices = Price(around, recorded / share + examination, recorded / share, other / share)
    return Price(*(seconds / len(longest) for seconds in prices))


def unrecorded(longest: Sequence[Settings], dataset: Dataset, threads: int) -> float:
    """The seconds that an iteration without a row takes."""
    passes = descent_of(longest[0], dataset.parts["train"], dataset.affine, threads)
    networks = stack([untrained(chosen, dataset) for chosen in longest])

    def seconds() -> float:
        started = time.perf_counter()
        passes(networks, False)
        return time.perf_counter() - started

    with threadpool_limits(limits=1, user_api="blas"):
        return median([seconds() for _ in range(5)])


def sample(longest: Sequence[Settings], dataset: Dataset) -> tuple[Dataset, float]:
    """A dataset with fewer images, and their share of the work. Minibatches keep all: they see few at a time."""
    sizes = sizes_of(longest[0], dataset)
    of_an_image = len(longest) * sum(inputs * outputs for inputs, outputs in pairwise(sizes))
    share = max(FEWEST, WORK / of_an_image) / len(dataset.parts["train"].labels)
    if longest[0].batch_size is not None or share >= 1:
        return dataset, 1.0
    parts = {name: some_of(part, ceil(share * len(part.labels))) for name, part in dataset.parts.items()}
    return replace(dataset, parts=parts), inputs_to_all(parts["train"]) / inputs_to_all(dataset.parts["train"])


def inputs_to_all(part: Part) -> int:
    """The inputs that a network gets in a pass over a part. Of few images, the staircase leaves out fewer zeros."""
    return inputs_of(staircase(*part))
