"""Examines networks before, during and after training, and says what is wrong."""

from collections.abc import Callable

import numpy as np

from pipeline.core.arrays import Array, Samples
from pipeline.core.diagnosis.checkup import Checkup, check_data, gain_of, has_equal_units
from pipeline.core.diagnosis.curvature import Curvature
from pipeline.core.diagnosis.diagnosis import Diagnosis
from pipeline.core.diagnosis.gradient_check import CodeCheck
from pipeline.core.diagnosis.outcome import Case
from pipeline.core.diagnosis.setup import Setup, Start
from pipeline.core.diagnosis.verdict import diagnose
from pipeline.core.fast.precision import Precision
from pipeline.core.faults import Fault
from pipeline.core.initialisation import initialise
from pipeline.core.network import Network, forward, in_precision
from pipeline.core.training import Training
from pipeline.core.vitals import Signs, signs_of

THINNED = 2  # every second image: vital signs are measured often, and should cost at most 3 % of a training


class Examiner:
    """Diagnoses networks of equal layer sizes that are trained on the same images in the same way."""

    def __init__(
        self,
        code: CodeCheck,  # of the code that trains them
        training: Samples,  # some of the training images
        validation: Samples,  # some of the validation images
        labels: Array,  # of all training images
        classes: int,
        fault: Fault | None,
        precision: Precision,
        normalised: Callable[[str], Samples],  # training images, normalised by the named method
    ) -> None:
        self.code, self.training = code, training
        self.fault, self.precision, self.normalised = fault, precision, normalised
        self.data = check_data(training, labels, validation, classes)
        self.checkups: dict[bytes, Checkup] = {}  # trainings that differ only in alpha share an untrained network
        self.curvatures: dict[tuple[object, ...], Curvature] = {}

    def examine(self, network: Network, gradient: Network, alpha: float) -> Signs:
        """The vital signs of a network during training."""
        return signs_of(network, gradient, alpha, self.training.x[::THINNED], self.fault, self.precision)

    def diagnose(self, setup: Setup, untrained: Network, training: Training) -> Diagnosis:
        """How a training with a setup turned out, and why."""
        key = b"".join(values.tobytes() for layer in untrained for values in layer)
        if key not in self.checkups:
            self.checkups[key] = self.check_up(untrained)
        return diagnose(Case(self.checkups[key], training, setup, self.curvature_from))

    def check_up(self, network: Network) -> Checkup:
        """What is known about a network before training."""
        samples = Samples(self.training.x.astype(np.float64), self.training.labels)
        exact = in_precision(network, "float64")
        with np.errstate(over="ignore", invalid="ignore"):
            largest_logit = float(np.abs(forward(exact, samples.x)[-1]).max())
        return Checkup(
            code=self.code,
            data=self.data,
            has_equal_units=has_equal_units(network),
            largest_logit=largest_logit,
            gain=gain_of(exact),
            curvature=Curvature(exact, samples),
        )

    def curvature_from(self, start: Start) -> Curvature:
        """The curvature of the loss where a training with other settings starts."""
        key = (start.normalise, start.init, start.init_scale, *start.hidden)
        if key not in self.curvatures:
            x, labels = self.normalised(start.normalise)
            sizes = [x.shape[1], *start.hidden, len(self.data.counts)]
            network = initialise(sizes, start.init, start.init_scale, "float64", np.random.default_rng(0))
            self.curvatures[key] = Curvature(network, Samples(x.astype(np.float64), labels))
        return self.curvatures[key]
