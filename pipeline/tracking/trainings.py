"""A training's run in MLflow, published from the training's directory."""

from collections.abc import Iterator, Mapping
from math import isfinite, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.diagnosis.diagnosis import Diagnosis, as_markdown
from pipeline.core.training import Record, Training
from pipeline.files.model import Model, load_model, require_sha256
from pipeline.files.paths import METRICS, RECALL, shown
from pipeline.kept.directories import MODEL, PROVENANCE, REPORT, KeptTraining, read_json, read_training
from pipeline.settings.naming import name_of
from pipeline.settings.typed import as_typed
from pipeline.tracking.serving import is_servable, log_served_model
from pipeline.tracking.store import PARENT, Store, Value, is_deleted
from pipeline.tracking.sweeps import FINISHED_POINTS, run_of_sweep
from pipeline.tracking.view import FINAL_ACCURACY, NOTE

if TYPE_CHECKING:
    from mlflow.entities import Run

COMPLETE = "model_sha256"  # the tag that is logged last, so a run that has it is complete
LOG_ALPHA, DECIMALS = "log10_alpha", 3


def publish_training(store: Store, directory: Path) -> str:
    """Publish a training: its history, its model, and its report if it has one. Returns its run."""
    training = read_training(directory)
    model = load_model(directory / MODEL)
    require_sha256(model, training.tags["model_sha256"], f"in {shown(directory)}/")
    known = run_of(store, training, model)
    if known is None:
        parent = None if training.sweep is None else run_of_sweep(store, directory.parent)
        run = open_run(store, training.id, training.tags, training.started, model.config, parent)
    else:
        run = str(known.info.run_id)
        if is_deleted(known):
            return run
    if known is None or COMPLETE not in known.data.tags:
        log_training(store, run, directory, training, model)
        store.close(run, "FINISHED", training.ended)
    if training.evaluated is not None and not is_evaluated(known, directory, model):
        log_report(store, run, directory, training.evaluated, model)
    return run


def missing_from(store: Store, directory: Path, model: Model) -> str | None:
    """What MLflow lacks of an evaluated training of a model, in words; None if it has everything."""
    known = run_of(store, read_training(directory), model)
    if known is None:
        return "its run"
    return None if is_evaluated(known, directory, model) else "its evaluation"


def is_evaluated(known: "Run | None", directory: Path, model: Model) -> bool:
    """Whether a run has the evaluation that is in the directory."""
    return known is not None and report_metrics(directory, model).items() <= known.data.metrics.items()


def run_of(store: Store, training: KeptTraining, model: Model) -> "Run | None":
    """Find a training's run: by its id, or as the same point of a grid, or as the same model."""
    if (known := store.with_id(training.id)) is not None:
        return known
    if "filled_in" in training.tags:  # made from DVC's results, perhaps on another machine
        return store.newest(same_model(model, training.tags["dvc_exp_name"]))
    if "key" in training.tags and not training.repeats:
        return store.newest([f"{FINISHED_POINTS} and tags.key = '{training.tags['key']}'"])
    return None


def same_model(model: Model, experiment: str) -> list[str]:
    """Conditions that find a model's run: preferably one of the same DVC experiment, else any."""
    same = f"tags.model_sha256 = '{model.sha256}' and tags.data_md5 = '{model.about.data_md5}'"
    name = experiment.replace("'", "_")  # LIKE's wildcard for one character, since MLflow can't escape it
    return [f"{same} and tags.dvc_exp_name LIKE '{name}'", same]


def open_run(
    store: Store,
    kept_id: str,
    tags: Mapping[str, str],
    started: float,
    config: Mapping[str, Any],
    parent: str | None = None,
) -> str:
    """Open a training's run. Returns its id."""
    of_a_point = {} if parent is None else {PARENT: parent}
    own = {name: value for name, value in tags.items() if name != COMPLETE}
    return store.create(name_of(config), own | of_a_point | {"kept_id": kept_id}, started)


def log_training(store: Store, run: str, directory: Path, training: KeptTraining, model: Model) -> None:
    """Log the result of a training."""
    # The UI's comparison of runs opens with the metric that was logged first. Failed trainings have it as well.
    final = Value(FINAL_ACCURACY, model.training.final_accuracy, model.training.iterations, training.ended)
    values = [final, *history_values(model.training, training), *vital_values(model, training.ended)]
    store.log(run, values, params_of(model.config))
    store.log_data(run, model.about)
    for name in (MODEL, PROVENANCE):
        if (directory / name).exists():
            store.log_files(run, directory / name, name)
    store.log_text(run, as_markdown(model.diagnosis), f"{REPORT}/diagnosis.md")
    note = description(model.diagnosis, model.config["batch_size"], run)
    store.log(run, tags={**tags_of_diagnosis(model.diagnosis), NOTE: note, COMPLETE: model.sha256})


def params_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, and alpha again on a scale that MLflow's parallel coordinates can show."""
    return {**config, LOG_ALPHA: round(log10(config["alpha"]), DECIMALS)}


def history_values(training: Training, kept: KeptTraining) -> Iterator[Value]:
    """The history's numbers. For points of a sweep only some rows: each takes MLflow half a millisecond."""
    times = kept.row_times or [kept.ended] * len(training.history)
    for row, time in zip(training.history, times, strict=True):
        if kept.sweep is None or is_logged_of_a_point(row.iteration) or row is training.history[-1]:
            yield from row_values(row._asdict(), time)


def is_logged_of_a_point(iteration: int) -> bool:
    """Whether a sweep's point logs the row of an iteration: 0 to 9, 10, 15, 20, ..., 95, 100, 150, ...

    The second digit decides, whatever the decade.
    """
    return str(iteration)[1:2] in ("", "0", "5")


def row_values(row: Mapping[str, float], time: float) -> Iterator[Value]:
    """The finite numbers of a row of the history or of the vital signs.

    MLflow would store NaN and infinity as ordinary numbers.
    """
    for name, number in row.items():
        if name != "iteration" and isfinite(number):
            yield Value(name, number, int(row["iteration"]), time)


def vital_values(model: Model, time: float) -> Iterator[Value]:
    """The vital signs, and the predicted stable alpha if there is one."""
    for vitals in model.training.vitals:
        yield from row_values(vitals.flat(), time)
    if model.diagnosis.stable_alpha is not None:
        yield Value("stable_alpha", model.diagnosis.stable_alpha, 0, time)


def tags_of_diagnosis(diagnosis: Diagnosis) -> dict[str, str]:
    """The diagnosis as tags."""
    tags = {"outcome": diagnosis.outcome, "cause": diagnosis.cause}
    tags |= {f"prescription.{name}": as_typed(value) for name, value in diagnosis.prescription.items()}
    since = diagnosis.cause_iteration
    return tags if since is None else tags | {"cause_iteration": str(since)}


def description(diagnosis: Diagnosis, batch_size: int | None, run: str) -> str:
    """A training's description in MLflow's UI: its diagnosis, what its metrics measure, and how to train it again."""
    of_a_batch = f"`accuracy` and `loss` are those of one batch of {batch_size} images, the one that is next.\n\n"
    again = f"`python -m pipeline.track reproduce {run}` trains it again and compares the models."
    return f"{as_markdown(diagnosis)}\n{of_a_batch if batch_size else ''}{again}\n"


def report_metrics(directory: Path, model: Model) -> dict[str, float]:
    """The metrics that only the evaluation has. The history has logged the others, step by step."""
    by_step = Record._fields if model.training.history else ()
    metrics, recall = read_json(directory / REPORT / METRICS), directory / REPORT / RECALL
    if recall.exists():  # in older reports, recall is among the metrics
        metrics |= read_json(recall)
    return {name: value for name, value in metrics.items() if name not in by_step}


def log_report(store: Store, run: str, directory: Path, time: float, model: Model) -> None:
    """Log an evaluation, and the network as an MLflow model."""
    store.log_files(run, directory / REPORT, REPORT)
    if is_servable(model):
        log_served_model(store, run, model, directory / MODEL)
    last = model.training.history[-1].iteration if model.training.history else 0
    # Last, since a run that has them counts as evaluated.
    store.log(run, [Value(name, value, last, time) for name, value in report_metrics(directory, model).items()])
