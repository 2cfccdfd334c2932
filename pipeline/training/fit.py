"""Train and diagnose points: one for the stage `train`, many at once for a sweep."""

from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core import faults
from pipeline.core.arrays import Samples, evenly_spaced
from pipeline.core.batches import batches
from pipeline.core.descent import train
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.diagnosis.examiner import Examiner
from pipeline.core.diagnosis.gradient_check import CodeCheck, check_code
from pipeline.core.diagnosis.setup import Setup
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.minibatches import Minibatches
from pipeline.core.fast.precision import ARITHMETIC
from pipeline.core.fast.stack import Passes, Scores, Stack, member, stack
from pipeline.core.initialisation import initialise
from pipeline.core.network import Network, in_precision
from pipeline.core.normalisation import METHODS, Affine, divide_255
from pipeline.core.training import Record, Trajectory
from pipeline.files.dataset import Dataset, Part
from pipeline.settings.schema import Settings
from pipeline.training.checkpoints import Checkpoints

EXAMINED = 512  # training images, at most, that the examiner sees
CHECKED = 16  # training images, at most, that check the code


def fit(
    points: Sequence[Settings],
    dataset: Dataset,
    threads: int,
    observe: Callable[[int, list[Record]], None],
    checkpoints: Checkpoints | None = None,
) -> list[Diagnosed]:
    """Train and diagnose all points at once, from their latest checkpoint if there is one.

    All points must have the same `can_share`. `core.descent.train` calls `observe`.
    BLAS gets one thread: with more, the last bits would depend on the machine's cores. The engine has its own threads.
    """
    together: dict[str, list[Settings]] = {}
    for point in points:
        together.setdefault(trajectory_of(point), []).append(point)
    trajectories = [
        Trajectory(untrained(same[0], dataset), same[0].alpha, sorted({point.iterations for point in same}))
        for same in together.values()
    ]
    checkpoint = checkpoints.latest() if checkpoints else None
    used = checkpoint.iteration + 1 if checkpoint else 0  # batches
    with threadpool_limits(limits=1, user_api="blas"):
        examiner = examiner_for(points[0], dataset)
        trainings = train(
            trajectories,
            descent_of(points[0], dataset.parts["train"], dataset.affine, threads, used),
            validation_of(points[0], dataset, threads),
            examiner.examine,
            observe,
            checkpoints.keep if checkpoints else None,
            checkpoint,
        )
        found = {
            (name, end): Diagnosed(training, examiner.diagnose(setup_of(same[0], end), trajectory.untrained, training))
            for (name, same), trajectory, its in zip(together.items(), trajectories, trainings, strict=True)
            for end, training in zip(trajectory.ends, its, strict=True)
        }
    return [found[trajectory_of(point), point.iterations] for point in points]


def trajectory_of(point: Settings) -> str:
    """A key that points share if they are on one trajectory and differ only in where they end."""
    return point.model_dump_json(exclude={"iterations"})


def can_share(point: Settings) -> str:
    """A key that points share if they can train together: same images, same order, same layers."""
    own = {"alpha", "init", "init_scale", "iterations"}
    return point.model_dump_json(exclude=own | {"seed"} if point.batch_size is None else own)


def generators(point: Settings) -> list[np.random.Generator]:
    """The random generators of the weights and of the batch order."""
    return np.random.default_rng(point.seed).spawn(2)


def setup_of(point: Settings, iterations: int) -> Setup:
    """The settings that a diagnosis sees, for a training that ends after `iterations`."""
    return Setup(**point.model_dump(include=set(Setup._fields))).with_changes({"iterations": iterations})


def sizes_of(point: Settings, dataset: Dataset) -> list[int]:
    """The layer sizes, d-H-...-C."""
    return [dataset.parts["train"].pixels.shape[1], *point.hidden, dataset.about.classes]


def untrained(point: Settings, dataset: Dataset) -> Network:
    """The network that a training starts with."""
    weight_rng, _ = generators(point)
    return initialise(
        sizes_of(point, dataset), point.init, point.init_scale, ARITHMETIC[point.precision].dtype, weight_rng
    )


def examiner_for(point: Settings, dataset: Dataset) -> Examiner:
    """The examiner of networks that train together."""
    labels = dataset.parts["train"].labels
    sample, validation_sample = (
        normalised(point, some_of(dataset.parts[part], EXAMINED), dataset.affine) for part in ("train", "validation")
    )

    def normalised_by(method: str) -> Samples:
        pixels = dataset.parts["train"].pixels
        return normalised(point, some_of(dataset.parts["train"], EXAMINED), METHODS[method](pixels))

    return Examiner(
        code_check(point, dataset),
        sample,
        validation_sample,
        labels,
        dataset.about.classes,
        point.fault,
        point.precision,
        normalised_by,
    )


def code_check(point: Settings, dataset: Dataset) -> CodeCheck:
    """Check the training code on a few images."""
    few = some_of(dataset.parts["train"], CHECKED)
    # Rescale the inputs: badly scaled ones can saturate the softmax and leave no gradient to compare. If all are 0, as
    # where `standard` meets constant images, nothing but rounding errors would be left.
    size = np.abs(dataset.affine.apply(few.pixels, "float64")).max()
    affine = dataset.affine._replace(scale=dataset.affine.scale * size) if size else divide_255(few.pixels)
    together = point if point.batch_size is None else point.model_copy(update={"batch_size": len(few.labels)})
    passes = descent_of(together, few, affine, threads=1)

    def gradient_of(network: Network) -> Network:
        stacked = stack([in_precision(network, ARITHMETIC[point.precision].dtype)])
        return member(passes(stacked, False).gradient, 0)

    samples = Samples(affine.apply(few.pixels, "float64"), few.labels)
    return check_code(sizes_of(point, dataset), point.reduction, point.fault, samples, gradient_of)


def some_of(part: Part, most: int) -> Part:
    """At most `most` images, spread evenly over a part."""
    chosen = evenly_spaced(len(part.labels), most)
    return Part(part.pixels[chosen], part.labels[chosen])


def normalised(point: Settings, part: Part, affine: Affine) -> Samples:
    """A part as input to the networks of a point."""
    return Samples(affine.apply(part.pixels, ARITHMETIC[point.precision].dtype), part.labels)


def descent_of(
    point: Settings, part: Part, affine: Affine, threads: int, skipped: int = 0
) -> Callable[[Stack, bool], Passes]:
    """A function for the gradient and, on request, scores: on all images of a part, or on the next batch.

    The first `skipped` batches are left out.
    """
    reduction, fault, precision = point.reduction, point.fault, point.precision
    _, order_rng = generators(point)
    if fault is not None:
        source = batches(*normalised(point, part, affine), point.batch_size, order_rng, skipped)
        return lambda stacked, _: faults.passes(stacked, *next(source), reduction, fault, precision)
    if point.batch_size is None:
        engine = Engine(*part, affine, precision, threads)
        return lambda stacked, with_scores: engine.loss_and_gradient(stacked, reduction, with_scores)
    minibatches = Minibatches(*part, affine, precision, point.batch_size, order_rng, skipped)
    return lambda stacked, with_scores: minibatches.loss_and_gradient(stacked, reduction, with_scores)


def validation_of(point: Settings, dataset: Dataset, threads: int) -> Callable[[Stack], Scores]:
    """A function for loss and accuracy on the validation images."""
    part, fault = dataset.parts["validation"], point.fault
    if fault is not None:
        samples = normalised(point, part, dataset.affine)
        return lambda stacked: faults.measures(stacked, *samples, fault, point.precision)
    return Engine(*part, dataset.affine, point.precision, threads).measure
