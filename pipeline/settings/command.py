"""Settings as the command that trains with them."""

from collections.abc import Collection, Sequence

from pipeline.settings.schema import Settings
from pipeline.settings.typed import as_typed


def experiment_command(chosen: Settings, conf: Settings, overrides: Sequence[str], also: Collection[str] = ()) -> str:
    """The command that trains with these settings and evaluates the model.

    It names every setting that differs from those of conf/, and some others if asked. The dataset's own settings are
    repeated as the user typed them, among all `overrides`.
    """
    default = conf.of_the_model()
    named = [
        f"{name}={as_typed(value)}"
        for name, value in chosen.of_the_model().items()
        if name in also or value != default[name]
    ]
    of_the_dataset = [override for override in overrides if override.startswith("dataset.")]
    return " ".join(["dvc exp run", *(f"-S {setting}" for setting in named + of_the_dataset)])
