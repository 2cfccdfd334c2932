"""Which points are trained together."""

from collections.abc import Sequence
from math import ceil

from pipeline.grid.points import Point
from pipeline.training.fit import can_share, trajectory_of

# At sixteen networks of twenty units the matrix products are at their best, and beyond thirty-two nothing is gained.
WIDEST = 32 * 20


def stacks_of(points: Sequence[Point], workers: int) -> list[list[Point]]:
    """The points in stacks, so that each of the workers has one, where there are as many trajectories."""
    sharing: dict[str, list[Point]] = {}
    for point in points:
        sharing.setdefault(can_share(point.settings), []).append(point)
    return [stack for group in sharing.values() for stack in divided(group, workers)]


def divided(points: Sequence[Point], workers: int) -> list[list[Point]]:
    """Points that can be trained together, in stacks that aren't too wide; points of one trajectory stay together.

    The longest trajectories come first, so that those of one stack end at about the same time.
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
    """How much there is to do for a stack, next to other stacks."""
    lengths = {trajectory_of(point.settings): 0 for point in points}
    for point in points:
        name = trajectory_of(point.settings)
        lengths[name] = max(lengths[name], point.settings.iterations)
    return sum(points[0].settings.hidden) * sum(lengths.values())
