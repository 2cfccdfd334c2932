"""Settings and a dataset to trainings and their diagnoses: what `train` does for one, and a sweep for many at once."""

from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core import faults
from pipeline.core.arrays import Samples, spread
from pipeline.core.descent import batches
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.diagnosis.doctor import Doctor
from pipeline.core.engine import Engine
from pipeline.core.initialisation import initialise
from pipeline.core.minibatches import Minibatches
from pipeline.core.network import Network
from pipeline.core.stack import Passes, Scores, Stack
from pipeline.core.training import Record, Trajectory, train
from pipeline.files.dataset import Dataset
from pipeline.settings import Settings

EXAMINED = 512  # images, at most, of those that train


def fit(
    points: Sequence[Settings], dataset: Dataset, threads: int, observe: Callable[[int, list[Record]], None]
) -> list[Diagnosed]:
    """The training of each point and its diagnosis, all at once: see `core.training.train`, which calls `observe`.

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
    with threadpool_limits(limits=1, user_api="blas"):
        doctor = doctor_for(points[0], dataset)
        trainings = train(
            trajectories,
            descent_of(points[0], dataset, threads),
            validation_of(points[0], dataset, threads),
            doctor.examine,
            observe,
        )
        found = {
            (name, end): Diagnosed(training, doctor.diagnose(trajectory, training))
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


def sizes_of(point: Settings, dataset: Dataset) -> list[int]:
    """The sizes of the layers, d-H-...-C."""
    return [dataset.parts["train"].pixels.shape[1], *point.hidden, dataset.about.classes]


def untrained(point: Settings, dataset: Dataset) -> Network:
    """The network that a training starts from."""
    of_the_weights, _ = generators(point)
    return initialise(sizes_of(point, dataset), point.init, point.init_scale, point.dtype, of_the_weights)


def doctor_for(point: Settings, dataset: Dataset) -> Doctor:
    """Who examines the networks of points that are trained together."""
    labels = dataset.parts["train"].labels
    some, some_to_validate = (some_of(dataset, part, point.dtype) for part in ("train", "validation"))
    batch = point.batch_size or len(labels)
    return Doctor(some, some_to_validate, labels, sizes_of(point, dataset), batch, point.reduction, point.fault)


def some_of(dataset: Dataset, part: str, dtype: str) -> Samples:
    """Some samples from all over a part, normalised."""
    pixels, labels = dataset.parts[part]
    chosen = spread(len(labels), EXAMINED)
    return Samples(dataset.affine.apply(pixels[chosen], dtype), labels[chosen])


def descent_of(point: Settings, dataset: Dataset, threads: int) -> Callable[[Stack], Passes]:
    """Loss and gradient on all training images, or on the batch that comes next."""
    images = dataset.parts["train"]
    reduction, fault = point.reduction, point.fault
    _, of_the_order = generators(point)
    if fault is not None:
        source = batches(*dataset.samples("train", point.dtype), point.batch_size, of_the_order)
        return lambda stacked: faults.passes(stacked, *next(source), reduction, fault)
    if point.batch_size is None:
        engine = Engine(*images, dataset.affine, point.dtype, threads)
        return lambda stacked: engine.loss_and_gradient(stacked, reduction)
    minibatches = Minibatches(*images, dataset.affine, point.dtype, point.batch_size, of_the_order)
    return lambda stacked: minibatches.loss_and_gradient(stacked, reduction)


def validation_of(point: Settings, dataset: Dataset, threads: int) -> Callable[[Stack], Scores]:
    """Loss and accuracy on the validation images."""
    fault = point.fault
    if fault is not None:
        samples = dataset.samples("validation", point.dtype)
        return lambda stacked: faults.measures(stacked, *samples, fault)
    return Engine(*dataset.parts["validation"], dataset.affine, point.dtype, threads).measure
