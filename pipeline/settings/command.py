"""Settings as the command that trains with them."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from pipeline.console.errors import UserError
from pipeline.settings.params import load
from pipeline.settings.schema import Idx, Settings
from pipeline.settings.typed import as_typed


def experiment_command(chosen: Settings, conf: Settings, overrides: Sequence[str], also: Collection[str] = ()) -> str:
    """The command that trains with these settings and evaluates the model.

    It names every setting that differs from those of conf/, and some others if asked. The dataset's own settings are
    repeated as the user typed them, among all `overrides`. If none were typed, its source is that of params.yaml.
    """
    default = conf.of_the_model()
    named = [
        f"{name}={as_typed(value)}"
        for name, value in chosen.of_the_model().items()
        if name in also or value != default[name]
    ]
    typed = [override for override in overrides if override.startswith("dataset.")]
    of_the_dataset = typed or source_in_params(chosen)
    return " ".join(["dvc exp run", *(f"-S {setting}" for setting in named + of_the_dataset)])


def source_in_params(chosen: Settings) -> list[str]:
    """The setting of the dataset's source, if params.yaml has one for the same dataset."""
    with suppress(UserError):
        dataset = load().dataset
        if isinstance(dataset, Idx) and dataset.name == chosen.dataset.name and dataset.source is not None:
            return [f"dataset.source={as_typed(dataset.source)}"]
    return []
