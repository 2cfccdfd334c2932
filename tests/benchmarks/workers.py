"""Each implementation in its own process: all are alive at once, and one works at a time.

So no library takes another's threads or memory, and as their rounds alternate, other load on the machine affects them
all alike.
"""

import os
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import numpy as np

from tests.benchmarks.implementations import OURS, Implementation
from tests.benchmarks.problems import Problem

SECONDS_OF_A_ROUND = 0.4
SECONDS_OF_PAUSE = 0.1  # BLAS's threads spin for a while after a product, waiting for another
ITERATIONS_TO_WARM_UP = 3
ITERATIONS_TO_AGREE = 3
TOLERANCE = 1e-3


def limit_threads(threads: int) -> None:
    """Limit all processes started from now on to this many threads, and as many cores."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"
    # JAX starts a thread for each core that it may use, and has no setting to reduce that.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def serve(connection: Connection, implementation: Implementation, problem: Problem, threads: int) -> None:
    """Run a worker: build the implementation, then run each requested number of iterations until it is 0."""
    run = implementation.build(problem, threads)
    while count := connection.recv():
        start = time.perf_counter()
        loss = run(count)
        connection.send(((time.perf_counter() - start) / count, loss))


class Worker:
    """The handle of an implementation's process or processes."""

    def __init__(self, implementation: Implementation, problem: Problem, threads: int) -> None:
        self.implementation = implementation
        self.connections: list[Connection] = []
        self.processes: list[SpawnProcess] = []
        context = get_context("spawn")
        for _ in range(implementation.processes):
            connection, theirs = context.Pipe()
            arguments = (theirs, implementation, problem, max(1, threads // implementation.processes))
            process = context.Process(target=serve, args=arguments, daemon=True)
            process.start()
            theirs.close()  # so that waiting for an answer ends if the process dies
            self.connections.append(connection)
            self.processes.append(process)

    def run(self, count: int) -> tuple[float, float | None]:
        """Run this many iterations: the seconds per iteration, and the loss at the start of the last."""
        for connection in self.connections:
            connection.send(count)
        answers = [connection.recv() for connection in self.connections]
        return max(seconds for seconds, _ in answers), answers[0][1]

    def round(self) -> float:
        """A round's seconds per iteration, after a few that refill the caches after the other workers."""
        time.sleep(SECONDS_OF_PAUSE)
        pace, _ = self.run(ITERATIONS_TO_WARM_UP)
        seconds, _ = self.run(max(1, round(SECONDS_OF_A_ROUND / pace)))
        return seconds

    def stop(self) -> None:
        """Stop its processes."""
        for connection in self.connections:
            connection.send(0)
        for process in self.processes:
            process.join()


def measure(
    implementations: Sequence[Implementation], problem: Problem, threads: int, rounds: int
) -> dict[str, list[float]]:
    """The milliseconds per network of each implementation, in each round."""
    workers = [Worker(implementation, problem, threads) for implementation in implementations]
    check_agreement(workers, problem)
    seconds = [[worker.round() for worker in workers] for _ in range(rounds)]
    for worker in workers:
        worker.stop()
    return {
        worker.implementation.name: [1000 * problem.iterations * of / worker.implementation.networks for of in each]
        for worker, each in zip(workers, zip(*seconds, strict=True), strict=True)
    }


def check_agreement(workers: Sequence[Worker], problem: Problem) -> None:
    """Run each worker's first iterations, and exit if their losses differ, as they would not compute the same."""
    losses = {}
    for worker in workers:
        worker.run(ITERATIONS_TO_AGREE)
        _, loss = worker.run(1)
        if loss is not None:
            losses[worker.implementation.name] = loss
    if not np.allclose([*losses.values()], losses[OURS.name], rtol=0, atol=TOLERANCE):
        raise SystemExit(f"{problem.case}: the losses after {ITERATIONS_TO_AGREE} iterations differ: {losses}")
