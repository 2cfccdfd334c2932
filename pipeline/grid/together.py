"""Train the points of a sweep in stacks, as this project's own launcher does."""

from collections.abc import Collection, Iterator, Mapping

from pipeline.comparison.results import Result
from pipeline.grid.points import Point
from pipeline.grid.progress import Progress
from pipeline.grid.stacks import stacks_of, work_of
from pipeline.grid.tracked import TrackedSweep
from pipeline.grid.workers import Task, Workers
from pipeline.training.checkpoints import Checkpoints, interrupted


class Together:
    """Trains many points at once."""

    def __init__(self, backend: str) -> None:
        self.workers = Workers(backend)
        self.processes = self.workers.count

    def train(
        self, points: Mapping[str, Point], missing: Collection[str], tracked: TrackedSweep
    ) -> Iterator[tuple[Point, Result]]:
        """Train those of the points, given by key, that are missing. Each stack is kept and published once done."""
        stacks = self.stacks(points, missing)
        with Progress([*map(work_of, stacks)], sum(map(len, stacks))) as progress:
            tasks = [
                Task(
                    [point.settings for point in stack],
                    stack[0].dataset,
                    progress.observer(number, max(point.settings.iterations for point in stack)),
                    Checkpoints([point.key for point in stack]),
                )
                for number, stack in enumerate(stacks)
            ]
            for done in self.workers.train(tasks):
                for point, diagnosed in zip(stacks[done.number], done.diagnosed, strict=True):
                    if point.key in missing:
                        sha256 = tracked.add(point, diagnosed, done.started, done.ended)
                        yield point, Result(point.settings, *diagnosed, sha256)
                tasks[done.number].checkpoints.remove()
                progress.reach(done.number, 1)
        for keys in interrupted(points):  # in stacks that others have finished since
            Checkpoints(keys).remove()

    def stacks(self, points: Mapping[str, Point], missing: Collection[str]) -> list[list[Point]]:
        """The missing points in stacks: first those that left a checkpoint together, then new ones."""
        rest, stacks = set(missing), []
        for keys in interrupted(points):
            if rest & set(keys):
                stacks.append([points[key] for key in keys])
                rest -= set(keys)
        return stacks + stacks_of([point for key, point in points.items() if key in rest], self.processes)
