"""A softmax along another axis than the classes', or none."""

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.twin import Twin

CAUSES = {
    "softmax over samples": "softmax_over_samples",
    "softmax over everything": "softmax_over_everything",
    "exp": "no_softmax",
}


def wrong_softmax(twin: Twin, seen: list[Observation], axis: int = 1) -> list[Finding]:
    """The cause, by what the twin's last layer is; `axis` is that of the classes, in the script's answers."""
    cause = CAUSES.get(twin.layers[-1].activation.name)
    if cause is None or not seen:
        return []
    answers: Array = seen[-1].run.outputs[-1]
    of_samples, of_classes = answers.sum(axis=1), answers.sum(axis=0)
    over = {"softmax_over_samples": "the samples", "softmax_over_everything": "the whole batch"}
    evidence = f"The softmax sums over {over[cause]}" if cause in over else "The answers are exp(z), and no softmax"
    evidence += (
        f": a sample's sum to {of_samples.min():.3g} to {of_samples.max():.3g}, where 1 is right, and those of a "
    )
    evidence += f"class to {of_classes.min():.3g} to {of_classes.max():.3g} over {len(answers)} samples."
    line = f"`e = np.exp(z - z.max(axis={axis}, keepdims=True))`, then `p = e / e.sum(axis={axis}, keepdims=True)`"
    return [Finding(cause, "the softmax", evidence, line)]
