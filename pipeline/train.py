"""Stage `train`: train on normalised/, write model/, and log to MLflow while training."""

from pipeline.console.errors import run
from pipeline.console.summary import summary
from pipeline.files.dataset import load_dataset
from pipeline.files.paths import MODEL, NORMALISED, shown
from pipeline.settings.params import load
from pipeline.training.tracked import train_and_track


def main() -> None:
    """Write model/."""
    chosen = load()
    print(summary(train_and_track(chosen, load_dataset(NORMALISED), MODEL), shown(MODEL)))


if __name__ == "__main__":
    run(main)
