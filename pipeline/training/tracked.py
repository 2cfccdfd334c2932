"""One training, shown on the console and tracked in MLflow: for the stage, and for whatever trains point by point."""

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
from pipeline.settings.schema import Settings
from pipeline.tracking.kept import MODEL, KeptTraining, keep, new_id
from pipeline.tracking.live import live
from pipeline.tracking.processes import owner
from pipeline.tracking.provenance import documents, provenance
from pipeline.tracking.publisher import Publisher
from pipeline.training.fit import fit


def train_and_show(chosen: Settings, dataset: Dataset, log: Callable[[Record], None]) -> Diagnosed:
    """Train with a bar that shows how far it is; each row of the history is logged as soon as it is there."""
    with tqdm(total=chosen.iterations, unit="it", disable=None) as bar:

        def observe(iteration: int, rows: list[Record]) -> None:
            for row in rows:
                log(row)
                bar.set_postfix(loss=f"{row.loss:.4f}", accuracy=f"{row.accuracy:.1%}", refresh=False)
            bar.update(iteration - bar.n)

        [diagnosed] = fit([chosen], dataset, os.cpu_count() or 1, observe)
    return diagnosed


def train_and_track(
    chosen: Settings, dataset: Dataset, directory: Path, tags: Mapping[str, str] | None = None, repeats: bool = False
) -> Diagnosed:
    """Train, show it, write the model to `directory`, keep it in runs/, and publish it in MLflow with some tags.

    `repeats` says that it is trained again on purpose.
    """
    check_against_data(chosen, dataset)
    config, publisher, kept_id = chosen.of_the_model(), Publisher(), new_id()
    origin = provenance()
    own = {**origin, **owner(), **(tags or {}), "data_md5": dataset.about.data_md5}
    texts = documents(origin)
    with interruptible():
        with live(publisher, kept_id, own, config) as going:
            diagnosed = train_and_show(chosen, dataset, going.log)
            with replaced(directory) as partial:
                save_model(diagnosed, config, dataset, partial)
            tags_of_all = own | {"model_sha256": fingerprint(directory)}
            kept = KeptTraining(kept_id, going.started, time.time(), tags_of_all, going.times, repeats=repeats)
            place = keep(kept, {MODEL: directory}, texts)
        publisher.publish(place)
    return diagnosed
