"""The evaluation of a model, added to the run of its training.

A run is found again by what it is, the tag `model_sha256`. Its id stands in no file: it would differ at every training
and mean nothing in another store.
"""

from typing import NamedTuple

from pipeline.core.diagnosis.diagnosis import Diagnosed
from pipeline.core.training import Record
from pipeline.files.dataset import Dataset
from pipeline.files.evaluated import Evaluated
from pipeline.files.model import Model
from pipeline.tracking.experiment import lock
from pipeline.tracking.models import is_servable, log_network
from pipeline.tracking.open_runs import keeper, kept_open
from pipeline.tracking.provenance import experiment_name
from pipeline.tracking.store import Store, connect
from pipeline.tracking.trainings import add_model, as_metrics, final_accuracy, name_of, tags_of


class Published(NamedTuple):
    """The run of a model, and whether the store had it."""

    run: str
    known: bool


def add_report(evaluated: Evaluated, dataset: Dataset) -> str:
    """Add an evaluation to the run of its model, and the network to be served; in words, what became of it.

    `dataset` is the one that the model was trained on.
    """
    store = connect()
    run, known = publish(store, evaluated, {"dvc_exp_name": experiment_name()})
    if is_servable(evaluated.model):
        log_network(store, run, evaluated.model, evaluated.directory, dataset)
    if store.lost is not None:
        return "kept in unsent/ until MLflow can be reached"
    return "added to the model's run in MLflow" if known else "filled in as a run in MLflow"


def publish(store: Store, evaluated: Evaluated, origin: dict[str, str]) -> Published:
    """Let the store have a model with its evaluation.

    Where it has none (another machine, a model out of DVC's cache, a new store), it is filled in from the model's
    files, marked with the tag `filled_in`, and gets the tags that are known of its origin.
    """
    model = evaluated.model
    with lock():
        known = store.newest(same_model(model, origin))
        run = known.info.run_id if known else fill_in(store, evaluated, origin)
        last = model.training.history[-1].iteration if model.training.history else 0
        store.log(run, [(last, of_the_report(evaluated))], again=True)
        store.log_files(run, evaluated.report, "report")
    return Published(run, known is not None)


def is_published(store: Store, evaluated: Evaluated, origin: dict[str, str]) -> bool:
    """Whether the store has a model's run with the evaluation."""
    known = store.newest(same_model(evaluated.model, origin))
    return known is not None and set(of_the_report(evaluated)) <= set(known.data.metrics)


def of_the_report(evaluated: Evaluated) -> dict[str, float]:
    """The metrics that only the evaluation has; the others are logged by step."""
    by_step = Record._fields if evaluated.model.training.history else ()
    return {name: value for name, value in evaluated.metrics.items() if name not in by_step}


def same_model(model: Model, origin: dict[str, str]) -> list[str]:
    """The conditions by which a model's run is found: one of the same DVC experiment before all others."""
    same = f"tags.model_sha256 = '{model.sha256}' and tags.data_md5 = '{model.about.data_md5}'"
    name = origin["dvc_exp_name"].replace("'", "_")  # as LIKE has it, any character: MLflow knows no escape
    return [f"{same} and tags.dvc_exp_name LIKE '{name}'", same]


def fill_in(store: Store, evaluated: Evaluated, origin: dict[str, str]) -> str:
    """Make a training's run from its files; its id. On which machine it was trained, they don't tell."""
    model = evaluated.model
    tags = tags_of(model.about) | keeper() | origin | {"filled_in": "true"}
    run = store.create_run(name_of(model.config), tags, same=same_model(model, origin))
    rows = [final_accuracy(model.training), *map(as_metrics, model.training.history)]
    with kept_open(store, run):
        store.log(run, rows, model.config)
        store.log_data(run, model.about)
        add_model(store, run, Diagnosed(model.training, model.diagnosis), evaluated.directory)
    return run
