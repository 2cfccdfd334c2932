"""Decide which points train together."""

from collections.abc import Sequence
from math import ceil

from pipeline.grid.points import Point
from pipeline.settings.schema import Settings
from pipeline.training.fit import can_share, trajectory_of

# Matrix products are fastest at sixteen networks of twenty units; beyond thirty-two, stacking gains nothing.
WIDEST = 32 * 20


def stacks_of(points: Sequence[Point], workers: int) -> list[list[Point]]:
    """Group points into stacks, at least one per worker if there are enough trajectories."""
    sharing: dict[str, list[Point]] = {}
    for point in points:
        sharing.setdefault(can_share(point.settings), []).append(point)
    return [stack for group in sharing.values() for stack in divided(group, workers)]


def divided(points: Sequence[Point], workers: int) -> list[list[Point]]:
    """Divide points that can train together into stacks of limited width. Points on one trajectory stay together.

    Trajectories are sorted by length, so that those in one stack end at about the same time.
    """
    trajectories: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: -point.settings.iterations):
        trajectories.setdefault(trajectory_of(point.settings), []).append(point)
    most = max(1, WIDEST // max(points[0].settings.hidden))
    count = max(ceil(len(trajectories) / most), min(workers, len(trajectories)))
    size = ceil(len(trajectories) / count)
    each = list(trajectories.values())
    return [[point for same in each[at : at + size] for point in same] for at in range(0, len(each), size)]


def work_of(points: Sequence[Point]) -> int:
    """The work in a stack, relative to other stacks."""
    return sum(points[0].settings.hidden) * sum(longest.iterations for longest in trajectories(points))


def trajectories(points: Sequence[Point]) -> list[Settings]:
    """The settings of the longest training on each trajectory."""
    by_length = sorted((point.settings for point in points), key=lambda chosen: chosen.iterations)
    return list({trajectory_of(chosen): chosen for chosen in by_length}.values())
