"""The Hydra application: train every point of a grid of settings, each as a run in MLflow.

    python -m pipeline.sweep alpha=0.1,0.3 init=uniform,he

It trains on normalised/ as DVC's stages left it. Validation accuracy ranks the points; the test images stay unseen.
The launcher in conf/sweep.yaml trains many points at once, in pipeline.grid. Hydra's other launchers, such as
`hydra/launcher=joblib`, call the function here once per point.
"""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from pipeline.comparison.results import validation_loss
from pipeline.console.errors import UserError, run
from pipeline.console.summary import summary
from pipeline.datasets.normalised import datasets_for
from pipeline.files.paths import CONF, shown
from pipeline.grid.points import settings_in_sweep, should_retrain
from pipeline.settings.validation import refuse_old_names
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.sweeps import finished_models
from pipeline.training.alone import alone
from pipeline.training.key import key_of
from pipeline.training.tracked import train_and_track


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="sweep")
def point(config: DictConfig) -> float:
    """Train one point of the grid unless it is already finished, and return its validation loss."""
    try:
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
    except UserError as error:
        raise CompactHydraException(f"error: {error}") from None
    print(summary(diagnosed, shown(directory)))
    return validation_loss(diagnosed.training)


def main() -> None:
    """Run the application, but refuse old names of settings, since Hydra would not say the new ones."""
    refuse_old_names(sys.argv[1:])
    point()


if __name__ == "__main__":
    run(main)
