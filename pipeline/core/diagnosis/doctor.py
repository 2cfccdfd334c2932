"""Who examines networks before, during and after their training, and says what is wrong."""

import numpy as np

from pipeline.core.arrays import Array, Samples
from pipeline.core.diagnosis.checkup import Checkup, check_data, has_equal_units
from pipeline.core.diagnosis.code import CodeCheck
from pipeline.core.diagnosis.curvature import stable_alpha
from pipeline.core.diagnosis.diagnosis import Diagnosis
from pipeline.core.diagnosis.outcome import Case
from pipeline.core.diagnosis.verdict import diagnose
from pipeline.core.fast.precision import Precision
from pipeline.core.faults import Fault
from pipeline.core.network import Network, Reduction, forward, in_precision, loss_and_gradient
from pipeline.core.training import Training, Trajectory
from pipeline.core.vitals import Signs, signs_of

THINNED = 2  # every second image: vital signs are taken often, and should cost no more than 3 % of a training


class Doctor:
    """For networks of equal layer sizes that are trained on the same images in the same way."""

    def __init__(
        self,
        code: CodeCheck,  # of what trains them
        training: Samples,  # some of the images that train
        validation: Samples,  # some of those that validate
        labels: Array,  # of all images that train
        classes: int,
        batch: int,  # images that an update is made from
        reduction: Reduction,
        fault: Fault | None,
        precision: Precision,
    ) -> None:
        self.code, self.training = code, training
        self.batch, self.reduction, self.fault, self.precision = batch, reduction, fault, precision
        self.data = check_data(training, labels, validation, classes)
        self.checkups: dict[bytes, Checkup] = {}  # trainings with another alpha start from the same network

    def examine(self, network: Network, gradient: Network, alpha: float) -> Signs:
        """The vital signs of a network in training."""
        return signs_of(network, gradient, alpha, self.training.x[::THINNED], self.fault, self.precision)

    def diagnose(self, trajectory: Trajectory, training: Training) -> Diagnosis:
        """What became of a training on a trajectory, and why."""
        network = trajectory.untrained
        key = b"".join(values.tobytes() for layer in network for values in layer)
        if key not in self.checkups:
            self.checkups[key] = self.check_up(network)
        return diagnose(Case(self.checkups[key], training, trajectory.alpha, self.reduction, self.batch))

    def check_up(self, network: Network) -> Checkup:
        """What can be known of a network before it is trained."""
        x, labels = self.training.x.astype(np.float64), self.training.labels
        exact = in_precision(network, "float64")
        with np.errstate(over="ignore", invalid="ignore"):
            return Checkup(
                code=self.code,
                data=self.data,
                has_equal_units=has_equal_units(network),
                largest_logit=float(np.abs(forward(exact, x)[-1]).max()),
                stable_alpha=stable_alpha(exact, lambda there: loss_and_gradient(there, x, labels).gradient),
            )
