"""Run one training with a progress bar, and track it in MLflow."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tqdm import tqdm

from pipeline.console.signals import interruptible
from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.training import Record
from pipeline.datasets.normalised import check_against_data
from pipeline.files.dataset import Dataset
from pipeline.files.model import fingerprint, save_model
from pipeline.files.paths import replaced
from pipeline.kept.directories import MODEL, KeptTraining, keep, new_id
from pipeline.kept.process import owner
from pipeline.kept.provenance import documents, provenance
from pipeline.settings.schema import Settings
from pipeline.tracking.live import live
from pipeline.tracking.publisher import Publisher
from pipeline.training.checkpoints import Checkpoints
from pipeline.training.fit import fit
from pipeline.training.key import key_of


def train_and_show(
    chosen: Settings, dataset: Dataset, log: Callable[[Record], None], checkpoints: Checkpoints | None = None
) -> Diagnosed:
    """Train with a progress bar, and log each row of the history as it arrives."""
    with tqdm(total=chosen.iterations, unit="it", disable=None) as bar:

        def observe(iteration: int, rows: list[Record]) -> None:
            for row in rows:
                log(row)
                bar.set_postfix(loss=f"{row.loss:.4f}", accuracy=f"{row.accuracy:.1%}", refresh=False)
            bar.update(iteration - bar.n)

        [diagnosed] = fit([chosen], dataset, os.cpu_count() or 1, observe, checkpoints)
    return diagnosed


def train_and_track(
    chosen: Settings, dataset: Dataset, directory: Path, tags: Mapping[str, str] | None = None
) -> Diagnosed:
    """Train with a progress bar, write the model to `directory`, keep it in runs/, and publish it in MLflow.

    `tags` are added to its run.
    """
    check_against_data(chosen, dataset)
    config, publisher, kept_id = chosen.of_the_model(), Publisher(), new_id()
    checkpoints = Checkpoints([key_of(chosen, dataset)])
    origin = provenance()
    run_tags = {**origin, **owner(), **(tags or {}), "data_md5": dataset.about.data_md5}
    texts = documents(origin)
    with interruptible():
        with live(publisher, kept_id, run_tags, config) as live_run:
            diagnosed = train_and_show(chosen, dataset, live_run.log, checkpoints)
            with replaced(directory) as partial:
                save_model(diagnosed, config, dataset, partial)
            all_tags = run_tags | {"model_sha256": fingerprint(directory)}
            kept = KeptTraining(kept_id, live_run.started, time.time(), all_tags, live_run.times)
            place = keep(kept, {MODEL: directory}, texts)
            checkpoints.remove()
        publisher.publish(place)
    return diagnosed
