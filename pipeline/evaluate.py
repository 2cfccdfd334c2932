"""Stage `evaluate`: measure the model on every part of the data.

It reads model/ and normalised/, writes report/, and adds to the model's run in MLflow.
"""

from math import inf, isfinite
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.console.arguments import refuse_arguments
from pipeline.console.errors import UserError
from pipeline.core.arrays import Array
from pipeline.core.assessment import confusion_matrix, most_confident_mistakes, recall
from pipeline.core.diagnosis.diagnosis import as_markdown
from pipeline.core.fast.precision import Precision
from pipeline.core.faults import log_probabilities
from pipeline.core.network import accuracy, cross_entropy, forward, in_precision
from pipeline.figures import evaluation, png
from pipeline.files.clone import run_in_a_clone
from pipeline.files.dataset import PARTS, Dataset, load_dataset
from pipeline.files.model import Model, load_model, write_json
from pipeline.files.paths import METRICS, MODEL, NORMALISED, RECALL, REPORT, added
from pipeline.kept.evaluations import kept_with_report
from pipeline.kept.provenance import experiment_name
from pipeline.settings.naming import heading_of
from pipeline.tracking.publisher import Publisher

PRECISION: Precision = "float64"  # the loss of a network close to divergence overflows float32
DECIMALS = 6  # digits beyond these depend on the machine, not on the network


def predict(model: Model, dataset: Dataset) -> dict[str, Array]:
    """The log-probabilities (n, C) of every part, from the softmax that the network was trained with."""
    network, fault = in_precision(model.training.network, PRECISION), model.config["fault"]
    return {
        part: log_probabilities(forward(network, dataset.samples(part, PRECISION).x)[-1], fault, PRECISION)
        for part in PARTS
    }


def accuracy_and_loss(predicted: dict[str, Array], dataset: Dataset) -> dict[str, float]:
    """Accuracy and loss on every part, without losses that are infinite or NaN after a divergence."""
    metrics: dict[str, float] = {}
    for part, logs in predicted.items():
        labels = dataset.parts[part].labels
        metrics |= {f"{part}_accuracy": accuracy(logs, labels), f"{part}_loss": cross_entropy(logs, labels)}
    return {name: value for name, value in metrics.items() if isfinite(value)}


def rounded(values: dict[str, float]) -> dict[str, float]:
    """The values without the digits that depend on the machine."""
    return {name: round(value, DECIMALS) for name, value in values.items()}


def predictions_table(labels: Array, probabilities: Array) -> pd.DataFrame:
    """One row per image: its label, the prediction, and the predicted probability of that class."""
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(labels)), predicted].round(DECIMALS)
    return pd.DataFrame({"actual": labels, "predicted": predicted, "confidence": confidence})


def write_report(model: Model, dataset: Dataset, directory: Path) -> dict[str, float]:
    """Write metrics, predictions and pictures to an empty directory, and return the metrics."""
    predicted = predict(model, dataset)
    pixels, labels = dataset.parts["test"]
    probabilities = np.exp(predicted["test"])
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), dataset.about.classes)

    metrics = rounded(accuracy_and_loss(predicted, dataset))
    write_json(directory / METRICS, metrics)
    write_json(directory / RECALL, rounded({f"recall_{k}": share for k, share in recall(confusion).items()}))
    (directory / "diagnosis.md").write_text(as_markdown(model.diagnosis), encoding="utf-8")
    predictions = predictions_table(labels, probabilities)
    predictions.to_csv(directory / "predictions.csv", index_label="image", lineterminator="\n")

    images = pixels.reshape(-1, *dataset.about.image_shape)
    mistakes = most_confident_mistakes(labels, probabilities)
    first_layer = model.training.network[0].weights
    pictures = {
        "learning_curve": evaluation.learning_curve(model.training.history, model.config["batch_size"]),
        "vital_signs": evaluation.vital_signs(model.training.vitals, dataset.about.classes),
        "confusion_matrix": evaluation.confusion_matrix(confusion),
        "first_layer_weights": evaluation.first_layer_weights(first_layer, dataset.about.image_shape),
        "confident_mistakes": evaluation.confident_mistakes(images[mistakes], predictions.iloc[mistakes]),
    }
    heading = heading_of(model.config)
    for name, picture in pictures.items():
        png.save(evaluation.headed(picture, heading), directory / f"{name}.png")
    return metrics


def main() -> None:
    """Write report/ and add it to the model's run in MLflow."""
    refuse_arguments("evaluate", __doc__)
    model, dataset = load_model(MODEL), load_dataset(NORMALISED)
    if model.about != dataset.about:
        raise UserError(
            f"model/ was trained on {model.about.name}, normalise={model.about.settings['normalise']}, but normalised/ "
            f"holds {dataset.about.name}, normalise={dataset.about.settings['normalise']}: run `dvc repro` to retrain"
        )
    with (
        threadpool_limits(limits=1, user_api="blas"),
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        added(REPORT) as directory,
    ):
        metrics = write_report(model, dataset, directory)
    kept = kept_with_report(model, MODEL, REPORT, {"dvc_exp_name": experiment_name()})
    is_in_mlflow = Publisher().publish(kept)
    for part in PARTS:
        print(f"{part:>10}: accuracy {metrics[f'{part}_accuracy']:.2%}, loss {metrics.get(f'{part}_loss', inf):.4g}")
    print(f"{model.diagnosis.outcome}, cause: {model.diagnosis.cause}; details in report/diagnosis.md")
    where = {
        True: "and in the model's run in MLflow: see `make ui` or `mlflow ui`",
        False: "but not in MLflow, for the reason above",
        None: "and will be in MLflow when its store answers again",
    }
    print(f"metrics and pictures are in report/ {where[is_in_mlflow]}")


if __name__ == "__main__":
    run_in_a_clone(main)
