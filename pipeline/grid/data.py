"""The data of a sweep: normalised/, and the same images in another normalisation."""

from dataclasses import replace

from omegaconf import DictConfig

from pipeline.errors import UserError
from pipeline.files.dataset import Dataset, load_dataset
from pipeline.files.paths import NORMALISED
from pipeline.grid.points import settings_in
from pipeline.normalise import fit
from pipeline.settings import Settings
from pipeline.train import check_against_data, command_for


class Datasets:
    """What points can be trained on: one dataset, in any normalisation."""

    def __init__(self, normalised: Dataset) -> None:
        self.known = {normalised.about.settings["normalise"]: normalised}
        self.normalised = normalised

    def for_point(self, chosen: Settings) -> Dataset:
        """The data of these settings; normalised anew where need be, which is one step away.

        Raises UserError where they are of another dataset, or don't fit this one.
        """
        about = self.normalised.about
        wanted = chosen.of_the_data()
        if chosen.normalise not in self.known and about.settings["dataset"] == wanted["dataset"]:
            affine = fit(chosen.normalise, self.normalised.parts["train"])
            anew = replace(self.normalised, affine=affine, about=replace(about, settings=wanted))
            self.known[chosen.normalise] = anew
        dataset = self.known.get(chosen.normalise, self.normalised)
        check_against_data(chosen, dataset)
        return dataset


def datasets_for(sweep: DictConfig) -> Datasets:
    """What is in normalised/. Where there is nothing, raises UserError that says how to make it for this sweep."""
    try:
        return Datasets(load_dataset(NORMALISED))
    except UserError:
        command = command_for(settings_in(sweep))
        raise UserError(f"normalised/ has no normalised data: `{command}` makes it") from None
