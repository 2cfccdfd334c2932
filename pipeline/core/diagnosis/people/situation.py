"""How a script trains with its own settings, which is the baseline for the checks of settings."""

from dataclasses import replace

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.course import Course, Rehearsal
from pipeline.core.diagnosis.people.fitted import fitted_loss, redrawn
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.twin import Twin, Values

LEARNS = 0.15  # a course that learns ends below the loss of guessing by at least this share of it
MOVES = 0.03  # and below its first loss by at least this share
FAR = 3.0  # or, while above this many times the loss of guessing,
FALLS = 0.2  # loses at least this share of its loss in the second half
STALLED = 0.01  # a course that stands still loses less than this share there
UNSTEADY = 2.0  # times the lowest loss of a course
SATURATED = 0.1  # of an activation's steepest slope: the mean slope of a saturated layer is below this
SEEDS = (1, 2, 3)


class Situation:
    """A script's training with its own settings."""

    def __init__(self, rehearsal: Rehearsal, top: OutputError) -> None:
        self.rehearsal, self.top = rehearsal, top
        self.twin, self.start, self.rows = rehearsal.twin, rehearsal.start, rehearsal.rows
        self.guess = rehearsal.guess()
        self.own = rehearsal.train()
        self.learns = self.is_learning(self.own)
        self.drawn = [redrawn(self.twin, self.start, seed) for seed in SEEDS]  # weights of the usual size

    @property
    def has_stalled(self) -> bool:
        """Whether the training levels off, well above 0."""
        own = self.own
        return own.last > (1 - STALLED) * own.losses[len(own.losses) // 2] and own.last > LEARNS * self.guess

    def is_learning(self, course: Course) -> bool:
        """Whether a course ended well below the loss of guessing, or is far above it but falling, without jumps."""
        has_moved = course.last < (1 - MOVES) * course.first or course.last < self.guess / 4
        knows = course.last < (1 - LEARNS) * self.guess and has_moved
        still_falls = (
            course.last > FAR * self.guess and course.last < (1 - FALLS) * course.losses[len(course.losses) // 2]
        )
        return (knows or still_falls) and course.last < UNSTEADY * min(course.losses)

    def of_scaled_targets(self) -> "Situation":
        """The same training with targets scaled to mean 0 and standard deviation 1."""
        old, y = self.rehearsal, self.rehearsal.layout.y
        layout = replace(old.layout, y=(y - y.mean()) / y.std())
        targets = (old.targets - y.mean()) / y.std()
        return Situation(Rehearsal(old.script, layout, self.twin, targets, old.loss.loss), self.top)

    def fitted_loss(self, rows: Array, twin: Twin, starts: list[Values]) -> float:
        """The lowest loss per sample that a network, the script's or another, can be fitted to."""
        return fitted_loss(self.rehearsal.of_network(twin), self.top, rows, starts)

    def is_saturated(self, values: Values, rows: Array) -> bool:
        """Whether the sigmoids or tanhs of a hidden layer are saturated."""
        run = self.twin.run(values, rows)
        for layer, z in zip(self.twin.layers[:-1], run.sums, strict=False):
            if layer.activation.is_squashing:
                steepest = layer.activation.slope(np.zeros((1, 1))).item()
                if layer.activation.slope(z).mean() < SATURATED * steepest:
                    return True
        return False
