"""The Hydra application: a training, and a run in MLflow, for each point of a grid of settings.

    python -m pipeline.sweep alpha=0.1,0.3 init=uniform,he

It trains on normalised/ as DVC's stages left it. The test images stay unseen: points are compared by validation.
"""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf

from pipeline import settings
from pipeline.errors import UserError, run
from pipeline.files.dataset import load_dataset
from pipeline.files.paths import CONF, NORMALISED
from pipeline.train import summary, train_and_track


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="sweep")
def point(config: DictConfig) -> None:
    """Train one point of the grid."""
    try:
        chosen = settings.validate(OmegaConf.to_container(config, resolve=True))
        directory = Path(HydraConfig.get().runtime.output_dir, "model")
        print(summary(train_and_track(chosen, load_dataset(NORMALISED), directory), directory))
    except UserError as error:
        raise CompactHydraException(f"error: {error}") from None


if __name__ == "__main__":
    run(point)
