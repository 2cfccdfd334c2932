"""A model that always answers 0, in the form of a network's answers, to measure a round trip without a network."""

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Zeros(PythonModel):
    """No network."""

    def predict(self, model_input: np.ndarray) -> list[dict[str, float]]:
        """The same answer for each image."""
        return [{"digit": 0, "probability": 0.0}] * len(model_input)


set_model(Zeros())
