"""The data to train on: normalised/, or the same images with another normalisation."""

from dataclasses import replace
from typing import Any

from pipeline.console.errors import UserError
from pipeline.datasets.parts import fitted
from pipeline.files.dataset import ABOUT, Dataset, load_dataset
from pipeline.files.paths import NORMALISED
from pipeline.settings.schema import Settings


class Datasets:
    """One dataset, in any normalisation that a training asks for."""

    def __init__(self, normalised: Dataset) -> None:
        self.known = {normalised.about.settings["normalise"]: normalised}
        self.normalised = normalised

    def for_point(self, chosen: Settings) -> Dataset:
        """The data for these settings, renormalised if they ask for it.

        Raises UserError if the settings are for another dataset, or don't fit this one.
        """
        about = self.normalised.about
        wanted = chosen.of_the_data()
        if chosen.normalise not in self.known and about.settings["dataset"] == wanted["dataset"]:
            affine = fitted(chosen.normalise, self.normalised.parts["train"])
            renormalised = replace(self.normalised, affine=affine, about=replace(about, settings=wanted))
            self.known[chosen.normalise] = renormalised
        dataset = self.known.get(chosen.normalise, self.normalised)
        check_against_data(chosen, dataset)
        return dataset


def datasets_for(chosen: Settings) -> Datasets:
    """The data in normalised/. Raises UserError with the command that makes it, if there is none or it is damaged."""
    if not (NORMALISED / ABOUT).exists():
        raise UserError(f"normalised/ is empty: run `{command_for(chosen)}` to fill it")
    return Datasets(load_dataset(NORMALISED))


def described(settings_of_data: dict[str, Any]) -> str:
    """The data's settings in one line, without checksums."""
    dataset = {name: value for name, value in settings_of_data["dataset"].items() if not isinstance(value, dict)}
    return " ".join([f"normalise={settings_of_data['normalise']}", *(f"dataset.{k}={v}" for k, v in dataset.items())])


def command_for(chosen: Settings) -> str:
    """The command that makes the normalised data for these settings."""
    return f"dvc exp run -S dataset={chosen.dataset.name} -S normalise={chosen.normalise} normalise"


def check_against_data(chosen: Settings, dataset: Dataset) -> None:
    """Raise UserError if the settings are for other data, or don't fit this data."""
    about, wanted = dataset.about, chosen.of_the_data()
    if about.settings != wanted:
        raise UserError(
            f"normalised/ holds {described(about.settings)}, but the settings ask for {described(wanted)}: "
            f"run `{command_for(chosen)}` (plus any other dataset settings you changed)"
        )
    available = len(dataset.parts["train"].labels)
    if chosen.batch_size is not None and chosen.batch_size > available:
        raise UserError(
            f"batch_size can't be {chosen.batch_size}: {about.name} has {available} training images, "
            f"so it must be null (all at once) or a whole number from 1 to {available}"
        )
