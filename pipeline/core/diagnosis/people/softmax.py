"""A softmax along another axis than the classes', or none."""

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.twin import Twin

WRONG_SOFTMAXES = {
    "softmax over samples": (
        "softmax_over_samples",
        "The softmax sums over the samples: each class's answers sum to 1 over the batch, and a sample's to",
    ),
    "softmax over everything": (
        "softmax_over_everything",
        "The softmax sums over the whole batch, whose answers sum to 1, and a sample's to",
    ),
    "exp": ("no_softmax", "The answers are exp(z), and a sample's sum to"),
}


def wrong_softmax(twin: Twin, seen: list[Observation], axis: int = 1) -> list[Finding]:
    """The cause, by what the twin's last layer is; `axis` is that of the classes, in the script's answers."""
    name = twin.layers[-1].activation.name
    if name not in WRONG_SOFTMAXES or not seen:
        return []
    cause, said = WRONG_SOFTMAXES[name]
    sums: Array = seen[-1].run.outputs[-1].sum(axis=1)
    evidence = f"{said} between {sums.min():.3g} and {sums.max():.3g}."
    line = f"`e = np.exp(z - z.max(axis={axis}, keepdims=True))`, then `p = e / e.sum(axis={axis}, keepdims=True)`"
    return [Finding(cause, "the softmax", evidence, line)]
