"""The settings that a diagnosis can change, under the names and with the values that people type."""

from typing import Any, NamedTuple, TypeAlias

from pipeline.core.network import Reduction

Prescription: TypeAlias = dict[str, Any]  # new values by setting; empty if nothing should change


class Start(NamedTuple):
    """The settings that decide where a training starts, apart from the seed."""

    normalise: str
    init: str
    init_scale: float
    hidden: list[int]


class Setup(NamedTuple):
    """The settings that a diagnosis can blame. It does not see `fault`, which it has to find."""

    normalise: str  # a key of `normalisation.METHODS`
    init: str  # a key of `initialisation.SCHEMES`
    init_scale: float
    hidden: list[int]
    reduction: Reduction
    batch_size: int | None
    alpha: float
    iterations: int

    @property
    def start(self) -> Start:
        """Where the training starts."""
        return Start(self.normalise, self.init, self.init_scale, self.hidden)

    def with_changes(self, changes: Prescription) -> "Setup":
        """A copy with some settings changed."""
        return self._replace(**changes)

    def changes_to(self, other: "Setup") -> Prescription:
        """The settings in which another setup differs, with its values."""
        mine = self._asdict()
        return {name: value for name, value in other._asdict().items() if value != mine[name]}


def as_typed(prescription: Prescription) -> str:
    """The settings as typed on a command line, separated by spaces."""
    return " ".join(f"{name}={typed(value)}" for name, value in prescription.items())


def typed(value: Any) -> str:
    """A value as typed on a command line."""
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")
