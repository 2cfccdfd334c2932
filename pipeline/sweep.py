"""Train every point of a grid of settings, each as a run in MLflow.

    python -m pipeline.sweep alpha=0.1,0.3 init=uniform,he      # four points
    python -m pipeline.sweep +experiment=stability              # a grid in conf/experiment/
    python -m pipeline.sweep alpha=0.1,0.3 --cfg job            # print the settings in conf/ and train nothing

It trains on normalised/ as DVC's stages left it. Validation accuracy ranks the points; the test images stay unseen.
The launcher in conf/sweep.yaml trains many points at once, in pipeline.grid. Hydra's other launchers, such as
`hydra/launcher=joblib`, call the function here once per point.

docs/settings.md lists the settings, and docs/experiments.md says more about sweeps. This is a Hydra application: its
flags are in https://hydra.cc/docs/advanced/hydra-command-line-flags.
"""

import os
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from pipeline.comparison.results import validation_loss
from pipeline.console.arguments import parser
from pipeline.console.summary import summary
from pipeline.datasets.normalised import datasets_for
from pipeline.files.clone import run_in_a_clone
from pipeline.files.paths import CONF, shown
from pipeline.grid.points import settings_in_sweep, should_retrain
from pipeline.settings.composition import configuration
from pipeline.settings.hydra_errors import REPORTED, in_our_words
from pipeline.settings.overrides import parsed
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.sweeps import finished_models
from pipeline.training.alone import alone
from pipeline.training.key import key_of
from pipeline.training.tracked import train_and_track


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="sweep")
def point(config: DictConfig) -> float:
    """Train one point of the grid unless it is already finished, and return its validation loss."""
    chosen = settings_in_sweep(config)
    dataset = datasets_for(chosen).for_point(chosen)
    key = key_of(chosen, dataset)
    repeats = should_retrain(config)
    directory = Path(HydraConfig.get().runtime.output_dir, "model")
    with alone([key]):
        if not repeats and (known := Publisher().attempt(lambda store: finished_models(store, [key]))):
            print(f"already finished: MLflow run {known[key].run}")
            return validation_loss(known[key].model.training)
        diagnosed = train_and_track(chosen, dataset, directory, {"key": key}, repeats)
    print(summary(diagnosed, shown(directory)))
    return validation_loss(diagnosed.training)


def main() -> None:
    """Check what was typed, then let Hydra run the application."""
    parser("sweep", __doc__, usage="%(prog)s [SETTING=VALUE,VALUE ...]").parse_known_args()
    parsed(get_args_parser().parse_args().overrides)
    configuration()  # reports mistakes in conf/ that Hydra would raise as they come
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises errors instead of printing them
    with in_our_words(*REPORTED):
        point()


if __name__ == "__main__":
    run_in_a_clone(main)
