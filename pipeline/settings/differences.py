"""Where the settings in params.yaml differ from those in conf/."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.settings.composition import configuration, settings_in
from pipeline.settings.schema import Settings
from pipeline.settings.typed import as_typed
from pipeline.settings.validation import shortened


class Difference(NamedTuple):
    """A setting with two values."""

    name: str
    in_params: Any
    in_conf: Any

    def __str__(self) -> str:
        return f"{self.name}={shortened(as_typed(self.in_params))} (conf/: {shortened(as_typed(self.in_conf))})"


def differences(chosen: Settings) -> list[Difference]:
    """Where the settings chosen in params.yaml differ from those in conf/.

    A dataset's own settings are compared with those that the same dataset has in conf/dataset/. Raises UserError if
    conf/ can't be composed, or does not have the dataset.
    """
    conf = settings_in(configuration())
    dataset = conf.dataset
    if dataset.name != chosen.dataset.name:
        dataset = settings_in(configuration([f"dataset={chosen.dataset.name}"])).dataset
    return [
        *differing("", chosen.of_the_model(), conf.of_the_model()),
        *differing("dataset.", chosen.dataset.model_dump(), dataset.model_dump()),
    ]


def differing(prefix: str, in_params: dict[str, Any], in_conf: dict[str, Any]) -> Iterator[Difference]:
    """Every name whose value is another one, those inside a setting included."""
    for name, value in in_params.items():
        other = in_conf.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from differing(f"{prefix}{name}.", value, other)
        elif value != other:
            yield Difference(prefix + name, value, other)


def listed(found: Sequence[Difference]) -> str:
    """The differences in a line."""
    return ", ".join(map(str, found))
