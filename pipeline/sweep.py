"""Train every point of a grid of settings, each as a run in MLflow.

    python -m pipeline.sweep alpha=0.1,0.3 init=uniform,he      # four points
    python -m pipeline.sweep +experiment=stability              # a grid in conf/experiment/
    python -m pipeline.sweep alpha=0.1,0.3 --cfg job            # print the settings in conf/ and train nothing

It trains on normalised/ as DVC's stages left it. Validation accuracy ranks the points; the test images stay unseen.
The launcher in conf/sweep.yaml trains many points at once, in pipeline.grid. With another, such as
`hydra/launcher=joblib`, each point is a job, which calls the function here.

docs/settings.md lists the settings, and docs/experiments.md says more about sweeps. This is a Hydra application: its
flags are in https://hydra.cc/docs/advanced/hydra-command-line-flags.
"""

import os
import sys
from argparse import Namespace
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from pipeline.console.arguments import parser
from pipeline.console.errors import UserError
from pipeline.datasets.normalised import datasets_for
from pipeline.files.clone import run_in_a_clone
from pipeline.files.paths import CONF
from pipeline.grid.launch import whole_sweep
from pipeline.grid.one_by_one import train_point
from pipeline.grid.points import settings_in_sweep
from pipeline.settings.composition import configuration
from pipeline.settings.hydra_errors import REPORTED, in_our_words
from pipeline.settings.overrides import parsed


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="sweep")
def point(config: DictConfig) -> None:
    """Train one point of a sweep that is open, as a job of one of Hydra's own launchers."""
    hydra_config, chosen = HydraConfig.get(), settings_in_sweep(config)
    if hydra_config.mode != RunMode.MULTIRUN:
        raise UserError("a sweep has hydra.mode=MULTIRUN: `dvc exp run -S alpha=0.1` trains a single network")
    directory = Path(hydra_config.runtime.output_dir)
    train_point(hydra_config.job.num, chosen, datasets_for(chosen).for_point(chosen), directory.parent)


def chooses_a_mode(typed: Namespace) -> bool:
    """Whether the command line says what Hydra is to do."""
    flags = typed.run or typed.multirun or typed.cfg or typed.info or typed.shell_completion
    return bool(flags) or any(override.startswith("hydra.mode=") for override in typed.overrides)


def main() -> None:
    """Check what was typed, then let Hydra run the application."""
    parser("sweep", __doc__, usage="%(prog)s [SETTING=VALUE,VALUE ...]").parse_known_args()
    typed = get_args_parser().parse_args()
    parsed(typed.overrides)
    configuration()  # reports mistakes in conf/ that Hydra would raise as they come
    if not chooses_a_mode(typed):
        # Otherwise Hydra looks for the mode in conf/sweep.yaml, and takes a sweep with a mistake for a single run.
        sys.argv.append("--multirun")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises errors instead of printing them
    with in_our_words(*REPORTED), whole_sweep:
        point()


if __name__ == "__main__":
    run_in_a_clone(main)
