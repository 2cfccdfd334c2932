"""The one door to MLflow: everything that the pipeline asks of its store, or writes to it.

Methods raise what MLflow raises, unless they say otherwise. Writing the same thing twice leaves it there once, since
metrics carry their times. MLflow takes seconds to import, so only functions import it.
"""

import gc
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from pipeline.console.errors import UserError
from pipeline.files.dataset import About
from pipeline.files.model import Model, load_model, require_sha256
from pipeline.files.paths import project_root
from pipeline.settings.typed import as_typed
from pipeline.tracking.address import is_a_server, store_uri
from pipeline.tracking.failures import failures, reason
from pipeline.tracking.view import BEST, OF_THE_EXPERIMENT, SHARED, VIEWS, best_first

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

FOR_MLFLOW = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # which may hold a password
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # by default, a server that is gone blocks for four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # which can ask for an hour
}
LOGGED = {
    "mlflow": logging.WARNING,
    "alembic": logging.WARNING,
    "urllib3": logging.ERROR,
}  # not each table and retry
EXPERIMENT = "numpy-mlp"
MODEL_NAME = "network"  # of every MLflow model
CHAMPION = "champion"  # an alias
PARENT = "mlflow.parentRunId"


class Value(NamedTuple):
    """A value of a metric."""

    name: str
    number: float
    step: int
    time: float  # seconds since 1970


def load_mlflow() -> None:
    """Import MLflow, and keep it quiet."""
    for name, value in FOR_MLFLOW.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401

    for name, level in LOGGED.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger("mlflow.store.db.utils").addFilter(lambda record: not record.exc_info)  # raised as well


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector during MLflow's imports, and let it ignore what they made: it would take a second."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def lock() -> FileLock:
    """The lock for one process at a time: two that make a SQLite store at once break it.

    A process that holds it can take it again.
    """
    return FileLock(project_root() / ".mlflow.lock", is_singleton=True)


class Store:
    """The MLflow experiment that holds every run."""

    def __init__(self) -> None:
        from mlflow import MlflowClient

        self.client: MlflowClient = MlflowClient(tracking_uri=store_uri())
        self.with_view: set[str] = set()  # datasets

    @cached_property
    def experiment(self) -> str:
        """The experiment's id. Makes the experiment, or restores it from MLflow's trash, if necessary."""
        from mlflow.exceptions import MlflowException

        with lock():
            known = self.client.get_experiment_by_name(EXPERIMENT)
            if known is None:
                try:
                    # Absolute: a relative path would change with who makes the store. A server chooses its own.
                    place = None if is_a_server(store_uri()) else (project_root() / "mlartifacts").as_uri()
                    return str(self.client.create_experiment(EXPERIMENT, place, VIEWS | OF_THE_EXPERIMENT))
                except MlflowException:  # another machine's process was faster
                    known = self.client.get_experiment_by_name(EXPERIMENT)
                    if known is None:
                        raise
            if known.lifecycle_stage == "deleted":
                self.client.restore_experiment(known.experiment_id)
            for key, view in VIEWS.items():
                if known.tags.get(key) != view:
                    self.client.set_experiment_tag(known.experiment_id, key, view)
        return str(known.experiment_id)

    def search(self, condition: str, with_deleted: bool = False) -> "list[Run]":
        """All runs that meet a condition, the newest first."""
        from mlflow.entities import ViewType

        view = ViewType.ALL if with_deleted else ViewType.ACTIVE_ONLY
        runs: list[Run] = []
        token = None
        while token != "":
            page = self.client.search_runs(
                [self.experiment], condition, view, order_by=["attributes.start_time DESC"], page_token=token
            )
            runs += page
            token = page.token or ""
        return runs

    def newest(self, conditions: Iterable[str]) -> "Run | None":
        """The newest run that meets the first condition; if none does, the next condition; and so on."""
        return next((runs[0] for runs in map(self.search, conditions) if runs), None)

    def with_id(self, kept_id: str) -> "Run | None":
        """The run of a kept training or sweep, even if it is in MLflow's trash. Deletes its twins: see `create`."""
        found = sorted(self.search(f"tags.kept_id = '{kept_id}'", with_deleted=True), key=is_deleted)
        for twin in found[1:]:
            self.forget(twin)
        return found[0] if found else None

    def forget(self, twin: "Run") -> None:
        """Delete a run, so that its kept id no longer finds it."""
        self.client.set_tag(twin.info.run_id, "kept_id", "")
        self.delete(twin.info.run_id)

    def run(self, run: str) -> "Run":
        """A run by MLflow's id, or by its kept id. Raises UserError if there is none."""
        try:
            return self.with_id(run) or self.client.get_run(run)
        except failures() as error:
            raise UserError(f"MLflow has no run {run} ({reason(error)}): its page in the UI shows its id") from None

    def download_model(self, run: "Run", directory: str) -> Model:
        """Download a run's model as model/ in a directory, and load it.

        Raises UserError if it is gone, or if it was changed since the training.
        """
        try:
            files = Path(self.client.download_artifacts(run.info.run_id, "model", directory))
        except failures() as error:
            raise UserError(f"MLflow's run {run.info.run_id} has no artefact model ({reason(error)})") from None
        model = load_model(files)
        require_sha256(model, run.data.tags.get("model_sha256", ""), f"of MLflow's run {run.info.run_id}")
        return model

    def views_of_datasets(self) -> list[str]:
        """What the views of the datasets that were trained on are called in addresses."""
        tags = self.client.get_experiment(self.experiment).tags
        return sorted(key.removeprefix(SHARED) for key in tags if key.startswith(SHARED + BEST))

    def model_of(self, run: str, sha256: str) -> str | None:
        """The id of the run's MLflow model with this sha256, if it was logged completely."""
        same = f"source_run_id = '{run}' AND tags.model_sha256 = '{sha256}'"
        logged = self.client.search_logged_models([self.experiment], same)
        return next((str(model.model_id) for model in logged if model.status == "READY"), None)

    def champion(self, name: str) -> "ModelVersion | None":
        """The champion among the versions of a registered model."""
        known = self.client.search_registered_models(f"name = '{name}'")
        version = next((model.aliases[CHAMPION] for model in known if CHAMPION in model.aliases), None)
        return self.client.get_model_version(name, version) if version else None

    def create(self, name: str, tags: Mapping[str, str], started: float) -> str:
        """Open a run, started at a time, with its kept id among its tags. Returns MLflow's id.

        If a server's answer is lost, MLflow's client asks again, and the server makes a second run, an empty twin.
        """
        created = self.client.create_run(self.experiment, milliseconds(started), dict(tags), name)
        if is_a_server(store_uri()):
            for twin in self.search(f"tags.kept_id = '{tags['kept_id']}'"):
                if twin.info.run_id != created.info.run_id:
                    self.forget(twin)
        return str(created.info.run_id)

    def log(
        self,
        run: str,
        values: Iterable[Value] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics, params (as one types them) and tags in one request."""
        from mlflow.entities import Metric, Param, RunTag

        self.client.log_batch(
            run,
            [Metric(value.name, value.number, milliseconds(value.time), value.step) for value in values],
            [Param(name, value) for name, value in params_as_typed(params or {}).items()],
            [RunTag(name, value) for name, value in (tags or {}).items()],
        )

    def log_data(self, run: str, about: About) -> None:
        """Log the data that a run was trained on, and offer a view of all trainings on it."""
        from mlflow.entities import Dataset, DatasetInput
        from mlflow.exceptions import MlflowException

        if about.name not in self.with_view:  # once for each process
            self.client.set_experiment_tag(self.experiment, *best_first(about.name))
            self.with_view.add(about.name)
        source = json.dumps({"uri": "data.dvc"})
        inputs = [DatasetInput(Dataset(about.name, about.data_md5, "local", source))]
        try:
            self.client.log_inputs(run, inputs)
        except MlflowException as error:
            # MLflow checks for known data before it writes; another process may have written them in between.
            if error.error_code != "BAD_REQUEST":
                raise
            self.client.log_inputs(run, inputs)

    def log_files(self, run: str, directory: Path, name: str | None = None) -> None:
        """Log the files of a directory under a name."""
        self.client.log_artifacts(run, str(directory), name)

    def log_text(self, run: str, text: str, path: str) -> None:
        """Log a text as a file."""
        self.client.log_text(run, text, path)

    def log_model(self, run: str, files: Path, tags: Mapping[str, str], params: Mapping[str, Any], step: int) -> str:
        """Log the MLflow model in a directory as a run's model at a step. Returns its id."""
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model as MLmodel

        created = self.client.create_logged_model(self.experiment, MODEL_NAME, run, dict(tags), params_as_typed(params))
        model = str(created.model_id)
        description = MLmodel.load(files)
        description.run_id, description.model_id, description.model_uuid = run, model, model
        description.save(files / "MLmodel")
        self.client.log_model_artifacts(model, str(files))
        self.client.finalize_logged_model(model, "READY")
        self.client.log_outputs(run, [LoggedModelOutput(model, step)])
        return model

    def reopen(self, run: str) -> None:
        """Mark a run as running again."""
        self.client.update_run(run, status="RUNNING")

    def close(self, run: str, status: str, ended: float) -> None:
        """End a run, at a time."""
        self.client.set_terminated(run, status, milliseconds(ended))

    def delete(self, run: str) -> None:
        """Move a run to MLflow's trash."""
        self.client.delete_run(run)

    def register(self, name: str, run: str, model: str, tags: Mapping[str, str]) -> str:
        """Register a run's MLflow model as a new version, and make that the champion. Returns the version."""
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        # MLflow would look up an id, as "models:/...", in the store that is set globally.
        files = self.client.get_logged_model(model).artifact_location
        version = str(self.client.create_model_version(name, files, run, dict(tags), model_id=model).version)
        self.client.set_registered_model_alias(name, CHAMPION, version)
        link = json.dumps([{"name": name, "version": version}])  # from the model's page in MLflow's UI
        self.client.set_logged_model_tags(model, {"mlflow.modelVersions": link})
        return version


def params_as_typed(params: Mapping[str, Any]) -> dict[str, str]:
    """Params as one types them on the command line."""
    return {name: as_typed(value) for name, value in params.items()}


def is_deleted(run: "Run") -> bool:
    """Whether a run is in MLflow's trash."""
    return bool(run.info.lifecycle_stage == "deleted")


def milliseconds(seconds: float) -> int:
    """A time as MLflow counts it."""
    return round(seconds * 1000)
