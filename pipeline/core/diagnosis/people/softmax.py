"""A softmax along the wrong axis, or a missing one."""

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.twin import Twin

WRONG_SOFTMAXES = {
    "softmax over samples": (
        "softmax_over_samples",
        "The softmax sums over the samples: each class's outputs sum to 1 over the batch; each sample's sum to",
    ),
    "softmax over everything": (
        "softmax_over_everything",
        "The softmax sums over the whole batch: all its outputs together sum to 1; each sample's sum to",
    ),
    "exp": ("no_softmax", "The outputs are exp(z), not divided by their sum: each sample's sum to"),
}


def wrong_softmax(twin: Twin, seen: list[Observation], axis: int = 1) -> list[Finding]:
    """The finding for a wrong output function in the twin; `axis` is the class axis of the script's outputs."""
    name = twin.layers[-1].activation.name
    if name not in WRONG_SOFTMAXES or not seen:
        return []
    cause, text = WRONG_SOFTMAXES[name]
    sums: Array = seen[-1].run.outputs[-1].sum(axis=1)
    evidence = f"{text} between {sums.min():.3g} and {sums.max():.3g}."
    line = f"`e = np.exp(z - z.max(axis={axis}, keepdims=True))`, then `p = e / e.sum(axis={axis}, keepdims=True)`"
    return [Finding(cause, "the softmax", evidence, line)]
