"""Stage `train`: from normalised/ to model/, with a run in MLflow that can be watched meanwhile."""

import os
from collections.abc import Callable
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

from tqdm import tqdm

from pipeline import settings
from pipeline.core.diagnosis.diagnosis import NO_CAUSE, Diagnosed
from pipeline.core.training import Record
from pipeline.errors import UserError, run
from pipeline.files.dataset import Dataset, load_dataset
from pipeline.files.model import save_model
from pipeline.files.paths import MODEL, NORMALISED, replaced, shown
from pipeline.fit import fit
from pipeline.settings import Settings
from pipeline.tracking.trainings import training_run

WIDTH = 100


def described(settings_of_data: dict[str, Any]) -> str:
    """Settings of the data in a line, without checksums."""
    dataset = {name: value for name, value in settings_of_data["dataset"].items() if not isinstance(value, dict)}
    return " ".join([f"normalise={settings_of_data['normalise']}", *(f"dataset.{k}={v}" for k, v in dataset.items())])


def command_for(chosen: Settings) -> str:
    """The command that makes the normalised data of these settings."""
    return f"dvc exp run -S dataset={chosen.dataset.name} -S normalise={chosen.normalise} normalise"


def check_against_data(chosen: Settings, dataset: Dataset) -> None:
    """Raise UserError for settings that are not of this data, or don't fit it."""
    about, wanted = dataset.about, chosen.of_the_data()
    if about.settings != wanted:
        raise UserError(
            f"normalised/ holds {described(about.settings)}, but the settings say {described(wanted)}: "
            f"`{command_for(chosen)}` makes that (with the dataset's other settings, where you set any)"
        )
    available = len(dataset.parts["train"].labels)
    if chosen.batch_size is not None and chosen.batch_size > available:
        raise UserError(
            f"batch_size can't be {chosen.batch_size}: {about.name} has {available} images to train on, "
            f"so it must be null for all at once, or a whole number from 1 to {available}"
        )


def train_and_show(chosen: Settings, dataset: Dataset, log: Callable[[Record], None]) -> Diagnosed:
    """Train with a bar that shows how far it is; each row of the history is logged as soon as it is there."""
    with tqdm(total=chosen.iterations, unit="it", disable=None) as bar:

        def observe(iteration: int, rows: list[Record]) -> None:
            for row in rows:
                log(row)
                bar.set_postfix(loss=f"{row.loss:.4f}", accuracy=f"{row.accuracy:.1%}", refresh=False)
            bar.update(iteration - bar.n)

        [diagnosed] = fit([chosen], dataset, os.cpu_count() or 1, observe)
    return diagnosed


class Tracked(NamedTuple):
    """A training, and its run's id in MLflow."""

    diagnosed: Diagnosed
    run: str


def train_and_track(chosen: Settings, dataset: Dataset, directory: Path, tags: dict[str, str] | None = None) -> Tracked:
    """Train, show and track it, with some tags of its own in MLflow, and write the model to `directory`."""
    check_against_data(chosen, dataset)
    config = chosen.of_the_model()
    with training_run(config, dataset.about, tags or {}) as tracked:
        diagnosed = train_and_show(chosen, dataset, tracked.log)
        with replaced(directory) as partial:
            save_model(diagnosed, config, dataset, partial)
        tracked.add_model(diagnosed, directory)
    return Tracked(diagnosed, tracked.run)


def summary(diagnosed: Diagnosed, directory: Path) -> str:
    """What became of a training, and why."""
    training, diagnosis = diagnosed
    lines = [f"{diagnosis.outcome} after {training.iterations} iterations; {shown(directory)}/ has the network"]
    if diagnosis.cause != NO_CAUSE:
        lines += [f"cause: {diagnosis.cause}", *indented(diagnosis.sentence), *indented(diagnosis.advice)]
    elif training.history:
        last = training.history[-1]
        lines[0] += f": validation loss {last.validation_loss:.4g}, accuracy {last.validation_accuracy:.1%}"
    return "\n".join(lines)


def indented(text: str) -> list[str]:
    """A text in lines that stand in from the left."""
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def main() -> None:
    """Write model/."""
    chosen = settings.load()
    print(summary(train_and_track(chosen, load_dataset(NORMALISED), MODEL).diagnosed, MODEL))


if __name__ == "__main__":
    run(main)
