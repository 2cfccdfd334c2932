"""Train, fix the settings that the diagnosis blames, and repeat until the training is healthy.

    python -m pipeline.heal                     # starts from the settings in conf/
    python -m pipeline.heal alpha=5 init=zeros  # overrides some of them, as in pipeline.sweep

It trains on normalised/ as DVC's stages left it. Each training is a run in MLflow. model/ is left alone.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.console.arguments import parser
from pipeline.console.summary import indented
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.datasets.normalised import datasets_for
from pipeline.files.clone import run_in_a_clone
from pipeline.files.model import fingerprint
from pipeline.retraining.healing import Attempt, attempts
from pipeline.settings.command import experiment_command
from pipeline.settings.composition import configuration, settings_in
from pipeline.settings.schema import Settings
from pipeline.settings.typed import as_typed
from pipeline.training.tracked import train_and_track

HEALS = "heals"  # tag: the hash of the previous, unhealthy model


class Trainer:
    """Trains on normalised/ and tags each run with the model it heals."""

    def __init__(self, overrides: Sequence[str]) -> None:
        config = configuration(overrides)
        self.chosen = settings_in(config)
        self.datasets = datasets_for(self.chosen)
        self.tags: dict[str, str] = {}

    def train(self, chosen: Settings) -> Diagnosed:
        """Train and track; only runs/ keeps the model."""
        with TemporaryDirectory() as directory:
            dataset = self.datasets.for_point(chosen)
            diagnosed = train_and_track(chosen, dataset, Path(directory, "model"), self.tags)
            self.tags = {HEALS: fingerprint(Path(directory, "model"))}
        return diagnosed


def table(done: Sequence[Attempt]) -> str:
    """The trainings as a table: what was changed, and the result."""
    cells = [("settings changed", "cause", "accuracy")]
    for attempt in done:
        changed = " ".join(f"{name}={as_typed(value)}" for name, value in attempt.changes.items())
        cells.append((changed or "-", attempt.diagnosed.diagnosis.cause, f"{attempt.accuracy:.1%}"))
    changed_width, cause_width, _ = (max(map(len, column)) for column in zip(*cells, strict=True))
    return "\n".join(
        f"{changed:{changed_width}}  {cause:{cause_width}}  {accuracy:>8}" for changed, cause, accuracy in cells
    )


def main() -> None:
    """Heal a training and print what was done."""
    arguments = parser("heal", __doc__)
    arguments.add_argument("overrides", nargs="*", metavar="SETTING=VALUE", help="see docs/settings.md")
    overrides = arguments.parse_args().overrides
    trainer = Trainer(overrides)
    done = list(attempts(trainer.chosen, trainer.train))
    last = done[-1]
    print(table(done))
    if not last.is_healthy:
        diagnosis = last.diagnosed.diagnosis
        print("\n".join(["Not healed:", *indented(diagnosis.sentence), *indented(diagnosis.advice)]))
    command = experiment_command(last.settings, settings_in(configuration()), overrides)
    print(f"`{command}` repeats the last training and tests the result.")
    print("Each training is a run in MLflow: see `make ui` or `mlflow ui`.")


if __name__ == "__main__":
    run_in_a_clone(main)
