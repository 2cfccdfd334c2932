"""Stage `train`: train a network, and log to MLflow while training.

It reads params.yaml and normalised/, and writes model/ and a run in MLflow.
"""

from pipeline.console.arguments import refuse_arguments
from pipeline.console.summary import summary
from pipeline.files.clone import run_in_a_clone
from pipeline.files.dataset import load_dataset
from pipeline.files.paths import MODEL, NORMALISED, shown
from pipeline.settings.params import for_stage
from pipeline.training.tracked import train_and_track


def main() -> None:
    """Write model/."""
    refuse_arguments("train", __doc__)
    chosen = for_stage()
    print(summary(train_and_track(chosen, load_dataset(NORMALISED), MODEL), shown(MODEL)))


if __name__ == "__main__":
    run_in_a_clone(main)
