"""The Hydra application: a training, and a run in MLflow, for each point of a grid of settings.

    python -m pipeline.sweep alpha=0.1,0.3 init=uniform,he

It trains on normalised/ as DVC's stages left it. The test images stay unseen: points are compared by validation.
The launcher in conf/sweep.yaml trains many points at once, in pipeline.grid. Under any other of Hydra's launchers, as
`hydra/launcher=joblib`, points are trained one by one, by the function here.
"""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from pipeline.console.errors import UserError, run
from pipeline.console.summary import summary
from pipeline.datasets.normalised import datasets_for
from pipeline.files.paths import CONF
from pipeline.grid.key import key_of
from pipeline.grid.points import settings_in_sweep, shall_retrain
from pipeline.grid.results import validation_loss
from pipeline.settings.validation import refuse_old_names
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.sweeps import finished_models
from pipeline.training.tracked import train_and_track


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="sweep")
def point(config: DictConfig) -> float:
    """Train one point of the grid, unless it is finished; its validation loss."""
    try:
        chosen = settings_in_sweep(config)
        dataset = datasets_for(chosen).for_point(chosen)
        key = key_of(chosen, dataset.about)
        repeats = shall_retrain(config)
        if not repeats and (known := Publisher().attempt(lambda store: finished_models(store, [key]))):
            print(f"already finished: MLflow run {known[key].run}")
            return validation_loss(known[key].model.training)
        directory = Path(HydraConfig.get().runtime.output_dir, "model")
        diagnosed = train_and_track(chosen, dataset, directory, {"key": key}, repeats)
    except UserError as error:
        raise CompactHydraException(f"error: {error}") from None
    print(summary(diagnosed, directory))
    return validation_loss(diagnosed.training)


def main() -> None:
    """Run the application, unless a setting is called by an old name: Hydra would not say what it is called now."""
    refuse_old_names(sys.argv[1:])
    point()


if __name__ == "__main__":
    run(main)
