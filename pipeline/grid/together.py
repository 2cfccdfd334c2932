"""Train the points of a sweep in stacks, as this project's own launcher does."""

from collections.abc import Collection, Iterator, Mapping

from pipeline.comparison.results import Result
from pipeline.grid.job import Job
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
        self, jobs: Mapping[str, Job], missing: Collection[str], tracked: TrackedSweep
    ) -> Iterator[tuple[Job, Result]]:
        """Train those of the jobs, given by key, that are missing. Keeps and publishes each when its stack is done."""
        stacks = self.stacks(jobs, missing)
        with Progress([work_of([job.point for job in stack]) for stack in stacks], sum(map(len, stacks))) as progress:
            tasks = [
                Task(
                    [job.point.settings for job in stack],
                    stack[0].dataset,
                    progress.observer(number, max(job.point.settings.iterations for job in stack)),
                    Checkpoints([job.key for job in stack]),
                )
                for number, stack in enumerate(stacks)
            ]
            for done in self.workers.train(tasks):
                for job, diagnosed in zip(stacks[done.number], done.diagnosed, strict=True):
                    if job.key in missing:
                        sha256 = tracked.add(job, diagnosed, done.started, done.ended)
                        yield job, Result(job.point.settings, *diagnosed, sha256)
                tasks[done.number].checkpoints.remove()
                progress.reach(done.number, 1)
        for keys in interrupted(jobs):  # in stacks that others have finished since
            Checkpoints(keys).remove()

    def stacks(self, jobs: Mapping[str, Job], missing: Collection[str]) -> list[list[Job]]:
        """The missing jobs in stacks: first those that left a checkpoint together, then new ones."""
        rest, stacks = set(missing), []
        for keys in interrupted(jobs):
            if rest & set(keys):
                stacks.append([jobs[key] for key in keys])
                rest -= set(keys)
        by_number = {job.point.number: job for key, job in jobs.items() if key in rest}
        new = stacks_of([job.point for job in by_number.values()], self.processes)
        return stacks + [[by_number[point.number] for point in stack] for stack in new]
