"""What can be set of a training and mended: each under the name, and with the value, that one types."""

from typing import Any, NamedTuple, TypeAlias

from pipeline.core.network import Reduction

Prescription: TypeAlias = dict[str, Any]  # settings, by their names; empty where none is to be changed


class Start(NamedTuple):
    """What decides where a training starts, but for the seed."""

    normalise: str
    init: str
    init_scale: float
    hidden: list[int]


class Setup(NamedTuple):
    """The settings that a diagnosis can tell to be wrong. It does not see `fault`, which it has to find."""

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
        """The same with some settings changed."""
        return self._replace(**changes)

    def changes_to(self, other: "Setup") -> Prescription:
        """The settings in which another one differs, with its values."""
        mine = self._asdict()
        return {name: value for name, value in other._asdict().items() if value != mine[name]}


def as_typed(prescription: Prescription) -> str:
    """The settings as one types them, apart by spaces."""
    return " ".join(f"{name}={typed(value)}" for name, value in prescription.items())


def typed(value: Any) -> str:
    """One value as one types it."""
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")
