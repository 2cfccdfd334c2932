"""What a sweep is going to do, without doing it."""

import resource
import sys
import time
from collections.abc import Collection, Mapping, Sequence

import psutil
from tqdm import tqdm

from pipeline.grid.estimate import training_seconds, tried
from pipeline.grid.points import DRY_RUN, Point

PUBLISHING = 0.1  # seconds for a point, in a SQLite file; a distant server may take longer
COMPARING = 2.0  # seconds for a sweep's beginning and end: provenance, tables, pictures


def plan(points: Mapping[str, Point], missing: Collection[str], stacks: Sequence[Sequence[Point]], workers: int) -> str:
    """The points that are finished, those to be trained, the stacks they form, and what that would take."""
    finished = [point for key, point in points.items() if key not in missing]
    lines = [f"finished: {len(finished)} of {len(points)} points", *indented(finished)]
    lines += [f"to train: {len(missing)} of {len(points)} points", *described(stacks)]
    return "\n".join([*lines, estimate(stacks, workers)])


def described(stacks: Sequence[Sequence[Point]]) -> list[str]:
    """The stacks, with their points."""
    lines = []
    for number, stack in enumerate(stacks, start=1):
        longest = max(point.settings.iterations for point in stack)
        heading = f"  stack {number} of {len(stacks)}: {counted(len(stack))}, up to {longest} iterations"
        lines += [heading, *indented(stack)]
    return lines


def indented(points: Sequence[Point]) -> list[str]:
    """A line for each point, as typed."""
    typed = (" ".join(text for text in point.overrides if not text.startswith(DRY_RUN)) for point in points)
    return [f"      {text or 'the settings in conf/'}" for text in typed]


def counted(points: int) -> str:
    """A number of points in words."""
    return f"{points} point{'' if points == 1 else 's'}"


def estimate(stacks: Sequence[Sequence[Point]], workers: int) -> str:
    """The time and the memory that stacks would take, as a sentence."""
    around = time.time() - psutil.Process().create_time() + COMPARING
    threads = psutil.cpu_count() or 1 if workers == 1 else 1
    training = training_seconds(stacks, lambda points: tried(points, threads)) / min(workers, len(stacks) or 1)
    publishing = PUBLISHING * sum(map(len, stacks))
    total, *parts = (
        tqdm.format_interval(seconds) for seconds in (training + publishing + around, training, publishing, around)
    )
    shares = "training {}, publishing {}, starting and comparing {}".format(*parts)
    return f"Estimate: {total} ({shares}) and {memory(workers):.0f} MB of memory."


def memory(processes: int) -> float:
    """The most memory that this process has had, in MB, for each process that would train."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3) * processes
