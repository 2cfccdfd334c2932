"""Stage `train`: from normalised/ to model/, with a run in MLflow that can be watched meanwhile."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from pipeline import settings, tracking
from pipeline.core.descent import batches, gradient_descent
from pipeline.core.engine import Engine, full_batch_descent
from pipeline.core.initialisation import initialise
from pipeline.core.training import Record, Training, train
from pipeline.errors import UserError, run
from pipeline.files.dataset import Dataset, load_dataset
from pipeline.files.model import save_model
from pipeline.files.paths import MODEL, NORMALISED, replaced, shown
from pipeline.settings import Settings


def described(settings_of_data: dict[str, Any]) -> str:
    """Settings of the data in a line, without checksums."""
    dataset = {name: value for name, value in settings_of_data["dataset"].items() if not isinstance(value, dict)}
    return " ".join([f"normalise={settings_of_data['normalise']}", *(f"dataset.{k}={v}" for k, v in dataset.items())])


def check_against_data(chosen: Settings, dataset: Dataset) -> None:
    """Raise UserError for settings that are not of this data, or don't fit it."""
    about, wanted = dataset.about, chosen.of_the_data()
    if about.settings != wanted:
        raise UserError(
            f"normalised/ holds {described(about.settings)}, but the settings say {described(wanted)}: "
            f"`dvc exp run -S dataset={chosen.dataset.name} -S normalise={chosen.normalise} normalise` makes that "
            "(with the dataset's other settings, where you set any)"
        )
    available = len(dataset.parts["train"].labels)
    if chosen.batch_size is not None and chosen.batch_size > available:
        raise UserError(
            f"batch_size can't be {chosen.batch_size}: {about.name} has {available} images to train on, "
            f"so it must be null for all at once, or a whole number from 1 to {available}"
        )


def fit(chosen: Settings, dataset: Dataset, observe: Callable[[Record], None]) -> Training:
    """Train the network of the settings on the dataset.

    BLAS gets one thread: with more, the last bits would depend on the machine's cores. The engine has its own threads.
    """
    pixels, labels = dataset.parts["train"]
    sizes = [pixels.shape[1], *chosen.hidden, dataset.about.classes]
    of_the_weights, of_the_order = np.random.default_rng(chosen.seed).spawn(2)
    network = initialise(sizes, chosen.init, chosen.init_scale, chosen.dtype, of_the_weights)
    how = (chosen.alpha, chosen.iterations, chosen.reduction)
    if chosen.batch_size is None:
        engine = Engine(
            pixels, labels, dataset.about.classes, dataset.affine, chosen.dtype, threads=os.cpu_count() or 1
        )
        states = full_batch_descent(engine, network, *how)
    else:
        source = batches(*dataset.samples("train", chosen.dtype), chosen.batch_size, of_the_order)
        states = gradient_descent(network, source, *how)
    with threadpool_limits(limits=1, user_api="blas"):
        return train(network, states, dataset.samples("validation", chosen.dtype), chosen.iterations, observe)


def train_and_track(chosen: Settings, dataset: Dataset, directory: Path) -> Training:
    """Train, show and track it, and write the model to `directory`."""
    check_against_data(chosen, dataset)
    config = chosen.of_the_model()
    with (
        tracking.training_run(config, dataset.about) as tracked,
        tqdm(total=chosen.iterations, unit="it", disable=None) as bar,
    ):

        def observe(record: Record) -> None:
            tracked.log(record)
            bar.set_postfix(loss=f"{record.loss:.4f}", accuracy=f"{record.accuracy:.1%}", refresh=False)
            bar.update(record.iteration - bar.n)

        training = fit(chosen, dataset, observe)
        with replaced(directory) as partial:
            save_model(training, config, dataset.about, partial)
        tracked.add_model(training, directory)
    return training


def summary(training: Training, directory: Path) -> str:
    """What became of a training, in a line."""
    if not training.history:
        return (
            f"diverged: the loss of the untrained network is not finite already, and {shown(directory)}/ has that "
            "network; try another init, a smaller init_scale or fewer layers"
        )
    last = training.history[-1]
    if training.outcome == "diverged":
        return (
            f"diverged after {training.iterations} iterations: the loss was not finite. {shown(directory)}/ has the "
            f"network of iteration {last.iteration}, the last one in its history; try a smaller alpha"
        )
    return (
        f"trained for {training.iterations} iterations: validation loss {last.validation_loss:.4g}, "
        f"accuracy {last.validation_accuracy:.1%}, in {shown(directory)}/"
    )


def main() -> None:
    """Write model/."""
    chosen = settings.load()
    print(summary(train_and_track(chosen, load_dataset(NORMALISED), MODEL), MODEL))


if __name__ == "__main__":
    run(main)
