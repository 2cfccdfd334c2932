"""Train stacks with joblib: in this process, in several local processes, or on a Ray cluster."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from joblib import Parallel, delayed, effective_n_jobs, parallel_config

from pipeline.console.errors import UserError
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.training import Record
from pipeline.files.dataset import Dataset
from pipeline.files.paths import CHECKOUT
from pipeline.kept.process import end_with, owner
from pipeline.settings.schema import Settings
from pipeline.training.checkpoints import Checkpoints
from pipeline.training.fit import fit

Backend: TypeAlias = Literal["in_process", "loky", "ray"]
Observe: TypeAlias = Callable[[int, list[Record]], None]


class Task(NamedTuple):
    """A stack to train."""

    points: Sequence[Settings]
    dataset: Dataset
    observe: Observe  # called in this process only
    checkpoints: Checkpoints


class Trained(NamedTuple):
    """The result of a task."""

    number: int  # of the task
    diagnosed: list[Diagnosed]
    started: float  # seconds since 1970
    ended: float


class Workers:
    """A joblib backend, ready for use."""

    def __init__(self, backend: str) -> None:
        if backend not in get_args(Backend):
            raise UserError(
                f"hydra.launcher.backend can't be {backend}: it must be one of {', '.join(get_args(Backend))}"
            )
        if backend == "ray":
            connect_to_ray()
        self.backend = backend
        with self.config():
            self.count: int = effective_n_jobs()

    def config(self) -> AbstractContextManager[Any]:
        """A context in which joblib uses this backend."""
        ways: dict[str, dict[str, Any]] = {
            "in_process": {"backend": "sequential", "n_jobs": 1},
            "loky": {"backend": "loky", "n_jobs": -1, "initializer": end_with, "initargs": (owner(),)},
            "ray": {"backend": "ray", "n_jobs": -1},
        }
        chosen: AbstractContextManager[Any] = parallel_config(**ways[self.backend])
        return chosen

    def train(self, tasks: Sequence[Task]) -> Iterator[Trained]:
        """Train all tasks, one per worker at a time, and yield the results of each batch before starting the next.

        In this process, the engine's threads use all cores; the other backends run one process per core.
        """
        here = self.backend == "in_process"
        threads = os.cpu_count() or 1 if here else 1
        handles = {id(task.dataset): sendable(task.dataset, self.backend) for task in tasks}
        calls = [
            delayed(train_stack)(
                number,
                task._replace(dataset=handles[id(task.dataset)], observe=task.observe if here else ignore),
                threads,
            )
            for number, task in enumerate(tasks)
        ]
        with self.config(), Parallel() as parallel:
            for first in range(0, len(calls), self.count):
                yield from parallel(calls[first : first + self.count])


def train_stack(number: int, task: Task, threads: int) -> Trained:
    """Train a stack, in whichever process this is."""
    started = time.time()
    diagnosed = fit(task.points, received(task.dataset), threads, task.observe, task.checkpoints)
    return Trained(number, diagnosed, started, time.time())


def ignore(_iteration: int, _rows: list[Record]) -> None:
    """Ignore what is observed."""


def connect_to_ray() -> None:
    """Join the cluster that RAY_ADDRESS names, or start a local one, and send our code to its workers."""
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise UserError("hydra.launcher.backend=ray needs Ray: `pip install ray`") from None
    ray.init(runtime_env={"py_modules": [str(CHECKOUT / "pipeline")]}, log_to_driver=False, logging_level=logging.ERROR)
    register_ray()  # type: ignore[no-untyped-call]


def sendable(dataset: Dataset, backend: str) -> Any:
    """A dataset as tasks carry it. Ray needs a reference to send it only once; joblib does so anyway."""
    if backend != "ray":
        return dataset
    import ray

    return ray.put(dataset)


def received(data: Any) -> Dataset:
    """The dataset, inside the worker."""
    if isinstance(data, Dataset):
        return data
    import ray

    dataset: Dataset = ray.get(data)
    return dataset
