"""The trained network as MLflow serves it. MLflow copies this file into the model and runs it without the pipeline.

So it needs only NumPy and MLflow, and repeats in a few lines how `pipeline.core` computes a network's outputs.
"""

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

DARK = 8  # an image is too dark if its brightest pixel, times this, is below the dataset's


class ServedNetwork(PythonModel):
    """Raw pixels in, digits and their probabilities out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the network and its normalisation from the model's artefacts."""
        with np.load(context.artifacts["weights"], allow_pickle=False) as saved:
            depths = range(1, 1 + len(saved.files) // 2)
            self.layers = [(saved[f"weights{k}"].astype(float), saved[f"bias{k}"].astype(float)) for k in depths]
        with np.load(context.artifacts["normalisation"], allow_pickle=False) as saved:
            self.shift, self.scale = saved["shift"], saved["scale"]
        self.brightest = context.model_config["brightest"]

    def predict(self, model_input: np.ndarray) -> list[dict[str, float]]:  # type: ignore[override]
        """The digit in each image and its probability. An image is a row of `model_input`, (n, d) whole numbers.

        Raises MlflowException, which a caller over HTTP gets as status 400, where they are not the raw pixels. Of the
        two forms that MLflow knows for this function, it is the short one; another type than this makes it warn.
        """
        self.check(model_input)
        probabilities = self.probabilities(model_input)
        digits = probabilities.argmax(axis=1)
        return [
            {"digit": digit, "probability": row[digit]}
            for digit, row in zip(digits.tolist(), probabilities.tolist(), strict=True)
        ]

    def check(self, pixels: np.ndarray) -> None:
        """Refuse pixels that were normalised, or are on another scale than those the network was trained on.

        MLflow has cut off fractions by then: what was in [0, 1] is nearly black here.
        """
        right = f"send the pixels as in the dataset, whole numbers from 0 to {self.brightest}, not normalised"
        if pixels.min() < 0 or pixels.max() > self.brightest:
            raise MlflowException.invalid_parameter_value(
                f"The pixels go from {pixels.min()} to {pixels.max()}: {right}."
            )
        if (pixels.max(axis=1) * DARK < self.brightest).any():
            raise MlflowException.invalid_parameter_value(f"An image is all dark, fractions being cut off: {right}.")

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Each class's probability, (n, C), for pixels (n, d)."""
        outputs = (pixels - self.shift) / self.scale
        for weights, bias in self.layers[:-1]:
            outputs = np.maximum(outputs @ weights + bias, 0)
        weights, bias = self.layers[-1]
        logits = outputs @ weights + bias
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
        return probabilities


set_model(ServedNetwork())
