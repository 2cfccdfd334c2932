"""Settings and a dataset to trainings: what the stage `train` does for one training, and a sweep for many at once."""

from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core.engine import Engine
from pipeline.core.initialisation import initialise
from pipeline.core.minibatches import Minibatches
from pipeline.core.network import Network
from pipeline.core.stack import Passes, Stack
from pipeline.core.training import Record, Training, Trajectory, train
from pipeline.files.dataset import Dataset
from pipeline.settings import Settings


def fit(
    points: Sequence[Settings], dataset: Dataset, threads: int, observe: Callable[[int, list[Record]], None]
) -> list[Training]:
    """The training of each point, all at once: see `core.training.train`, which calls `observe`.

    The points must be such as can be trained together, by `can_share`.
    BLAS gets one thread: with more, the last bits would depend on the machine's cores. The engine has its own threads.
    """
    together: dict[str, list[Settings]] = {}
    for point in points:
        together.setdefault(trajectory_of(point), []).append(point)
    trajectories = [
        Trajectory(untrained(same[0], dataset), same[0].alpha, sorted({point.iterations for point in same}))
        for same in together.values()
    ]
    to_validate = Engine(*dataset.parts["validation"], dataset.affine, points[0].dtype, threads)
    with threadpool_limits(limits=1, user_api="blas"):
        trainings = train(trajectories, descent_of(points[0], dataset, threads), to_validate.measure, observe)
    found = {
        (name, end): training
        for name, trajectory, its_trainings in zip(together, trajectories, trainings, strict=True)
        for end, training in zip(trajectory.ends, its_trainings, strict=True)
    }
    return [found[trajectory_of(point), point.iterations] for point in points]


def trajectory_of(point: Settings) -> str:
    """Equal for points of one trajectory, which differ in where they end."""
    return point.model_dump_json(exclude={"iterations"})


def can_share(point: Settings) -> str:
    """Equal for points that can be trained together: on the same images in the same order, with the same layers."""
    own = {"alpha", "init", "init_scale", "iterations"}
    return point.model_dump_json(exclude=own | {"seed"} if point.batch_size is None else own)


def generators(point: Settings) -> list[np.random.Generator]:
    """The random numbers of the weights, and those of the batches' order."""
    return np.random.default_rng(point.seed).spawn(2)


def untrained(point: Settings, dataset: Dataset) -> Network:
    """The network that a training starts from."""
    of_the_weights, _ = generators(point)
    sizes = [dataset.parts["train"].pixels.shape[1], *point.hidden, dataset.about.classes]
    return initialise(sizes, point.init, point.init_scale, point.dtype, of_the_weights)


def descent_of(point: Settings, dataset: Dataset, threads: int) -> Callable[[Stack], Passes]:
    """Loss and gradient on all training images, or on the batch that comes next."""
    images = dataset.parts["train"]
    if point.batch_size is None:
        engine = Engine(*images, dataset.affine, point.dtype, threads)
        return lambda stacked: engine.loss_and_gradient(stacked, point.reduction)
    _, of_the_order = generators(point)
    minibatches = Minibatches(*images, dataset.affine, point.dtype, point.batch_size, of_the_order)
    return lambda stacked: minibatches.loss_and_gradient(stacked, point.reduction)
