"""The result of a training, as its command prints it."""

from textwrap import wrap

from pipeline.core.diagnosis.diagnosis import NO_CAUSE, Diagnosed

WIDTH = 100


def summary(diagnosed: Diagnosed, directory: str) -> str:
    """The outcome of a training, its cause, and what to do."""
    training, diagnosis = diagnosed
    lines = [f"{diagnosis.outcome} after {training.iterations} iterations; network saved in {directory}/"]
    if diagnosis.cause != NO_CAUSE:
        lines += [f"cause: {diagnosis.cause}", *indented(diagnosis.sentence), *indented(diagnosis.advice)]
    elif training.history:
        last = training.history[-1]
        lines += [f"validation loss {last.validation_loss:.4g}, accuracy {last.validation_accuracy:.1%}"]
    return "\n".join(lines)


def indented(text: str) -> list[str]:
    """A text as wrapped, indented lines."""
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
