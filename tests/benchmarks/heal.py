"""How many random settings that fail are healed by their prescriptions, and how many that train are left alone.

    python -m tests.benchmarks.heal                     # 150 that fail and 50 that train, on digits and on MNIST
    python -m tests.benchmarks.heal 20                  # 20 that fail and 20 that train

MNIST means its first 6,000 images, and is left out if its files are not found: set MNIST_DIRECTORY as for the tests.
"""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.normalisation import METHODS
from pipeline.core.split import split
from pipeline.files.dataset import About, Dataset, Part
from pipeline.files.idx import read_idx
from pipeline.retraining.healing import Attempt, attempts
from pipeline.settings.schema import Digits, Settings
from pipeline.training.fit import fit
from tests.conftest import MNIST

FAILING, TRAINING = 150, 50
PRESCRIPTIONS = 3
IMAGES = 6000  # of MNIST
FAILS, TRAINS = 0.8, 0.9  # shares of a good accuracy: below the first, settings fail; from the second on, they train
HIDDEN = [[20], [50], [10], [5], [2], [30, 20], [20] * 3, [20] * 5, [20] * 10, [20] * 16, [10] * 6, [3] * 3]
BATCHES = [None, None, None, 1, 8, 32, 128, 512]


class Problem(NamedTuple):
    """A dataset, and a good validation accuracy on it."""

    name: str
    good: float
    normalised: Callable[[str], Dataset]

    def train(self, chosen: Settings) -> Diagnosed:
        """Train with these settings."""
        [diagnosed] = fit([chosen], self.normalised(chosen.normalise), 1, lambda _iteration, _rows: None)
        return diagnosed


class Healed(NamedTuple):
    """The attempts to heal settings, from the first training to the last."""

    done: list[Attempt]
    prescriptions: int | None  # how many cured it; 0 if it trains as it is, None if none did

    def __str__(self) -> str:
        lines = [shown(self.done[0].settings)]
        for attempt in self.done:
            diagnosis = attempt.diagnosed.diagnosis
            lines.append(f"  {attempt.accuracy:.1%} {diagnosis.outcome}, {diagnosis.cause}: {diagnosis.prescription}")
        return "\n".join(lines)


def dataset_of(pixels: np.ndarray, labels: np.ndarray, normalise: str) -> Dataset:
    """Images (n, rows, columns) and labels, split and normalised."""
    flat = pixels.reshape(len(pixels), -1).astype(np.uint8)
    chosen = split(labels, has_published_test=False)
    parts = {name: Part(flat[places], labels[places].astype(np.uint8)) for name, places in chosen.items()}
    about = About({"dataset": {"name": "sample"}, "normalise": normalise}, "0f.dir", pixels.shape[1:], 10)
    return Dataset(parts, METHODS[normalise](parts["train"].pixels), about)


@cache
def digits(normalise: str) -> Dataset:
    """All 1797 images."""
    known = load_digits()
    return dataset_of(known.images, known.target, normalise)


@cache
def mnist(normalise: str) -> Dataset:
    """The first of the training images."""
    images, labels = (
        read_idx(MNIST / f"train-{name}-ubyte.gz", dimensions)[:IMAGES]
        for name, dimensions in (("images-idx3", 3), ("labels-idx1", 1))
    )
    return dataset_of(images, labels, normalise)


DIGITS_PROBLEM = Problem("digits", 0.92, digits)
MNIST_PROBLEM = Problem("MNIST", 0.88, mnist)


def random_settings(rng: np.random.Generator) -> Iterator[Settings]:
    """An endless stream of settings of all kinds, most of which fail."""

    def log_uniform(least: float, most: float) -> float:
        return float(f"{np.exp(rng.uniform(np.log(least), np.log(most))):.2g}")

    while True:
        yield Settings(
            dataset=Digits(kind="digits", name="sample"),
            normalise=str(rng.choice([*METHODS])),
            alpha=log_uniform(1e-4, 300),
            init=str(rng.choice(["uniform", "he", "xavier", "normal", "zeros"])),
            init_scale=log_uniform(1e-3, 1),
            iterations=int(log_uniform(100, 1000)),
            hidden=HIDDEN[rng.integers(len(HIDDEN))],
            reduction=str(rng.choice(["mean", "sum"])),
            batch_size=BATCHES[rng.integers(len(BATCHES))],
            precision="float32",
            seed=int(rng.integers(1000)),
            fault=None,
        )


def healed(chosen: Settings, problem: Problem) -> Healed:
    """Train, and heal until the accuracy is good enough, whatever the diagnosis says."""
    done: list[Attempt] = []
    for attempt in attempts(chosen, problem.train, 1 + PRESCRIPTIONS):
        done.append(attempt)
        if attempt.accuracy >= FAILS * problem.good:
            return Healed(done, len(done) - 1)
    return Healed(done, None)


def failing(problem: Problem, seed: int) -> Iterator[Healed]:
    """Random settings that fail, healed."""
    tried = (healed(chosen, problem) for chosen in random_settings(np.random.default_rng(seed)))
    return (one for one in tried if one.prescriptions != 0)


def training(problem: Problem, seed: int) -> Iterator[Attempt]:
    """Random settings that train. Few would with a random alpha, so alpha is drawn from a suitable range."""
    rng = np.random.default_rng(seed)
    for chosen in random_settings(rng):
        summed = (chosen.batch_size or 1000) if chosen.reduction == "sum" else 1
        fitting = {"alpha": float(f"{np.exp(rng.uniform(np.log(0.01), np.log(2))) / summed:.2g}")}
        changed = chosen.model_copy(update=fitting)
        attempt = Attempt({}, changed, problem.train(changed))
        if attempt.accuracy >= TRAINS * problem.good:
            yield attempt


def is_alarm(attempt: Attempt) -> bool:
    """Whether a healthy training is called anything else."""
    return not attempt.is_healthy or attempt.diagnosed.diagnosis.outcome not in ("converged", "still learning")


def shown(chosen: Settings) -> str:
    """Settings on one line."""
    values = chosen.model_dump(exclude={"dataset", "precision", "fault"})
    return " ".join(f"{name}={value}" for name, value in values.items())


def report(problem: Problem, fail: int, train: int) -> None:
    """Print how many were healed, those that needed more than one prescription, and all false alarms."""
    found = list(islice(failing(problem, 0), fail))
    for one in found:
        if one.prescriptions != 1:
            print(one, flush=True)
    shares = [
        sum(one.prescriptions is not None and one.prescriptions <= most for one in found) / len(found)
        for most in range(1, PRESCRIPTIONS + 1)
    ]
    print(
        f"{problem.name}: of {len(found)} settings that fail, {shares[0]:.1%} are cured by the first prescription, "
        f"{shares[1]:.1%} within two and {shares[2]:.1%} within three.",
        flush=True,
    )
    alarms = [attempt for attempt in islice(training(problem, 1), train) if is_alarm(attempt)]
    for attempt in alarms:
        print(Healed([attempt], 0))
    print(f"{problem.name}: of {train} settings that train, {len(alarms)} are called anything but healthy.", flush=True)


def main() -> None:
    """Report on each dataset."""
    fail = int(sys.argv[1]) if len(sys.argv) > 1 else FAILING
    train = min(TRAINING, fail)
    report(DIGITS_PROBLEM, fail, train)
    if MNIST.is_dir():
        report(MNIST_PROBLEM, fail, train)


if __name__ == "__main__":
    main()
