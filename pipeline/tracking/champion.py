"""The champion: the version of a registered model that is served, and the test that a network must pass."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.console.errors import UserError
from pipeline.tracking.serving import log_served_model
from pipeline.tracking.store import CHAMPION, Store, lock
from pipeline.tracking.sweeps import IS_A_SWEEP, newest_sweep
from pipeline.tracking.view import FINAL_ACCURACY

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion


def crown(store: Store, named: str | None) -> str:
    """Make a network the champion of its dataset if it beats the present one. Returns what happened, in sentences.

    `named` is the id of a training's run, or of a sweep's, which stands for its best point. The default is the newest
    finished sweep. A network must have a greater validation accuracy on the same data; each version of the registered
    model has both as tags. Raises UserError if there is no such network, or if the two can't be compared.
    """
    with lock():
        run = contender(store, named)
        name = f"numpy-mlp-{run.data.params['dataset']}"
        if present := store.champion(name):
            require_same_data(run, present)
            if run.data.tags["model_sha256"] == present.tags["model_sha256"]:
                return f"This network is the champion of {name} already, as version {present.version}."
            if run.data.metrics[FINAL_ACCURACY] <= float(present.tags["validation_accuracy"]):
                return f"{figures(run, present)}: version {present.version} of {name} stays the champion."
        version = register(store, run, name)
        better = f"{figures(run, present)}: the champion" if present else "The first champion"
        return f"{better} is version {version} of {name}, from the run {run.info.run_id}.\n{how_to_call(name)}"


def contender(store: Store, named: str | None) -> "Run":
    """The run of the challenger. Raises UserError if it can't be served."""
    run = store.run(named) if named else newest_finished_sweep(store)
    if "sweep_key" in run.data.tags:
        if "best_run_id" not in run.data.tags:
            raise UserError(f"the sweep {run.info.run_id} has no best point yet: repeat its command to complete it")
        run = store.run(run.data.tags["best_run_id"])
    which = f"the run {run.info.run_id}"
    if "model_sha256" not in run.data.tags or FINAL_ACCURACY not in run.data.metrics:
        raise UserError(f"{which} has no network: name the run of a finished training, or of a sweep")
    if run.data.tags["outcome"] == "diverged":
        raise UserError(f"the training of {which} diverged: choose a training that ended with a finite loss")
    if run.data.params["fault"] != "null":
        raise UserError(f"{which} was trained with fault={run.data.params['fault']}: train without a fault")
    return run


def newest_finished_sweep(store: Store) -> "Run":
    """The run of the finished sweep that ended last."""
    newest = newest_sweep(store, f"{IS_A_SWEEP} and attributes.status = 'FINISHED'")
    if newest is None:
        raise UserError("MLflow has no finished sweep: start one with `python -m pipeline.sweep`, or name a run's id")
    return newest


def require_same_data(run: "Run", present: "ModelVersion") -> None:
    """Raise UserError if the two were trained on different data: their accuracies can't be compared."""
    if run.data.tags["data_md5"] != present.tags.get("data_md5"):
        raise UserError(
            f"the champion, version {present.version} of {present.name}, was trained on other data than the run "
            f"{run.info.run_id}, so they can't be compared: train on the champion's data, or, if it is out of date, "
            f"take the alias {CHAMPION!r} off it in MLflow's UI and run this command again"
        )


def figures(run: "Run", present: "ModelVersion") -> str:
    """The contender's validation accuracy next to the champion's."""
    accuracy, before = run.data.metrics[FINAL_ACCURACY], float(present.tags["validation_accuracy"])
    relation = "better" if accuracy > before else "not better"
    return f"Validation accuracy {accuracy:.2%} is {relation} than the champion's {before:.2%}"


def register(store: Store, run: "Run", name: str) -> str:
    """Register a run's network as a new version of a model, and make it the champion. Returns the version.

    A sweep's point becomes an MLflow model only now: for a hundred of them, that would take a minute.
    """
    with TemporaryDirectory() as directory:
        trained = store.download_model(run, directory)
        model = log_served_model(store, run.info.run_id, trained, Path(directory, "model"))
    tags = {
        "model_sha256": run.data.tags["model_sha256"],
        "data_md5": run.data.tags["data_md5"],
        "validation_accuracy": repr(run.data.metrics[FINAL_ACCURACY]),
    }
    return store.register(name, run.info.run_id, model, tags)


def how_to_call(name: str) -> str:
    """The commands that serve the champion and ask it, as one types them in the project."""
    return f"""Serve it:
    mlflow models serve -m models:/{name}@{CHAMPION} --env-manager local -p 5001
Ask it, from another terminal, with the image that is its example:
    mlflow artifacts download -u models:/{name}@{CHAMPION} -d champion
    curl -H "Content-Type: application/json" -d @champion/serving_input_example.json localhost:5001/invocations"""
