"""How a script does with its own settings: what the checks of settings start from."""

from dataclasses import replace

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.course import Course, Rehearsal
from pipeline.core.diagnosis.people.fitted import fitted_loss, redrawn
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.twin import Twin, Values

LEARNS = 0.15  # of the loss of a guess, by which a course must fall below it
MOVES = 0.03  # of the loss at the start, by which it must fall below that
FAR = 3.0  # times the loss of a guess, above which
FALLS = 0.2  # of itself a loss must fall in the second half of a course
STALLED = 0.01  # of itself, by which a loss falls there if it has reached what it can
UNSTEADY = 2.0  # times the lowest loss of a course
SATURATED = 0.1  # of the steepest slope of an activation, that of a layer's units on average
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
        """Whether the training stands still in the end, well above 0."""
        own = self.own
        return own.last > (1 - STALLED) * own.losses[len(own.losses) // 2] and own.last > LEARNS * self.guess

    def is_learning(self, course: Course) -> bool:
        """Whether a course ended well below a guess, or, from far above it, still falls; and does so steadily."""
        has_moved = course.last < (1 - MOVES) * course.first or course.last < self.guess / 4
        knows = course.last < (1 - LEARNS) * self.guess and has_moved
        still_falls = (
            course.last > FAR * self.guess and course.last < (1 - FALLS) * course.losses[len(course.losses) // 2]
        )
        return (knows or still_falls) and course.last < UNSTEADY * min(course.losses)

    def of_scaled_targets(self) -> "Situation":
        """The same training with targets of mean 0 and deviation 1."""
        old, y = self.rehearsal, self.rehearsal.layout.y
        layout = replace(old.layout, y=(y - y.mean()) / y.std())
        targets = (old.targets - y.mean()) / y.std()
        return Situation(Rehearsal(old.script, layout, self.twin, targets, old.loss.loss), self.top)

    def fitted_loss(self, rows: Array, twin: Twin, starts: list[Values]) -> float:
        """The lowest loss a sample that a network, maybe another than the script's, is trained to."""
        return fitted_loss(self.rehearsal.of_network(twin), self.top, rows, starts)

    def is_saturated(self, values: Values, rows: Array) -> bool:
        """Whether the sigmoids or tanhs of a hidden layer stand where they are flat."""
        run = self.twin.run(values, rows)
        for layer, z in zip(self.twin.layers[:-1], run.sums, strict=False):
            if layer.activation.is_squashing:
                steepest = layer.activation.slope(np.zeros((1, 1))).item()
                if layer.activation.slope(z).mean() < SATURATED * steepest:
                    return True
        return False
