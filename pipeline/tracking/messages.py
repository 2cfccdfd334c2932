"""What can be told to MLflow about its runs, as messages that can be kept in a file and sent again.

A message that was perhaps received is sent again without harm: metrics keep the time at which they were first told,
a run is recognised by its tag `uid`, or by what it is, and what is there already is left as it is.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.tracking.experiment import experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

NETWORK = "network"  # the name of a run's MLflow model
UID = "uid"  # the tag by which a run is known that MLflow has perhaps, or not yet, given an id


class Message(NamedTuple):
    """A method of `Writer`, the run that it is about, and the method's other arguments, all as JSON knows them."""

    kind: str
    run: str  # its id; of a run that is not yet known to be in the store, its uid
    content: dict[str, Any]


class Writer:
    """Writes messages into MLflow's store.

    Each method raises what MLflow raises. With `again`, it adds only what is not there yet.
    """

    def __init__(self, client: "MlflowClient") -> None:
        self.client = client
        self.ids: dict[str, str] = {}  # of the runs made here, by their uid
        self.points: dict[tuple[str, str], set[tuple[int, float]]] = {}  # see known_points

    @cached_property
    def experiment(self) -> str:
        """The experiment's id."""
        return experiment_id(self.client)

    def write(self, message: Message, again: bool = False) -> None:
        """Write a message. Wherever it names a run by its uid, that becomes the id by which MLflow knows the run."""
        text = json.dumps(message.content)
        for uid, run in self.ids.items():
            text = text.replace(uid, run)
        getattr(self, message.kind)(self.ids.get(message.run, message.run), again, **json.loads(text))

    def create(
        self, uid: str, again: bool, name: str, tags: dict[str, str], started: int | None, same: list[str]
    ) -> None:
        """Make a run, unless it is there: as such, or as another one that meets one of the conditions `same`."""
        if uid in self.ids.values():
            return
        conditions = [f"tags.{UID} = '{uid}'", *same] if again else []
        known = next(filter(None, map(self.newest, conditions)), None)
        run = known or self.client.create_run(self.experiment, started, tags | {UID: uid}, name)
        self.ids[uid] = run.info.run_id

    def log(
        self,
        run: str,
        again: bool,
        metrics: list[tuple[str, float, int, int]],
        params: dict[str, str],
        tags: dict[str, str],
    ) -> None:
        """Log metrics, each with its name, value, milliseconds since 1970 and step; params; and tags."""
        from mlflow.entities import Metric, Param, RunTag

        if again:
            known = {name: self.known_points(run, name) for name in {name for name, *_ in metrics}}
            metrics = [point for point in metrics if (point[3], point[1]) not in known[point[0]]]
        self.client.log_batch(
            run,
            [Metric(name, value, moment, step) for name, value, moment, step in metrics],
            [Param(name, value) for name, value in params.items()],
            [RunTag(name, value) for name, value in tags.items()],
        )

    def data(self, run: str, again: bool, name: str, md5: str) -> None:  # noqa: ARG002 (MLflow keeps equal ones once)
        """Log which data a run is of."""
        from mlflow.entities import Dataset, DatasetInput
        from mlflow.exceptions import MlflowException

        inputs = [DatasetInput(Dataset(name, md5, "local", json.dumps({"uri": "data.dvc"})))]
        try:
            self.client.log_inputs(run, inputs)
        except MlflowException as error:
            # MLflow refuses new data that another process logs between its look whether it has them and its write.
            if error.error_code != "BAD_REQUEST":
                raise
            self.client.log_inputs(run, inputs)

    def files(self, run: str, again: bool, directory: str, name: str | None) -> None:  # noqa: ARG002 (they are replaced)
        """Log the files in a directory, under a name."""
        self.client.log_artifacts(run, directory, name)

    def text(self, run: str, again: bool, text: str, path: str) -> None:  # noqa: ARG002 (it is replaced)
        """Log a text as the file at a path."""
        self.client.log_text(run, text, path)

    def network(
        self, run: str, again: bool, directory: str, tags: dict[str, str], params: dict[str, str], step: int
    ) -> None:
        """Log the MLflow model in a directory as a run's, of its last step."""
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        if again and self.network_of(run, tags["model_sha256"]):
            return
        logged = str(self.client.create_logged_model(self.experiment, NETWORK, run, tags, params).model_id)
        description = Model.load(directory)
        description.run_id, description.model_id, description.model_uuid = run, logged, logged
        description.save(Path(directory, "MLmodel"))
        self.client.log_model_artifacts(logged, directory)
        self.client.finalize_logged_model(logged, "READY")
        self.client.log_outputs(run, [LoggedModelOutput(logged, step)])

    def network_of(self, run: str, sha256: str) -> str | None:
        """The id of the run's MLflow model that has the network with this sha256, if it was logged whole."""
        same = f"source_run_id = '{run}' AND tags.model_sha256 = '{sha256}'"
        logged = self.client.search_logged_models([self.experiment], same)
        return next((str(model.model_id) for model in logged if model.status == "READY"), None)

    def reopen(self, run: str, again: bool) -> None:  # noqa: ARG002
        """Let a run go on that had ended."""
        self.client.update_run(run, status="RUNNING")

    def close(self, run: str, again: bool, status: str, ended: int) -> None:
        """End a run. One that has FINISHED meanwhile keeps its end."""
        if not (again and self.client.get_run(run).info.status == "FINISHED"):
            self.client.set_terminated(run, status, ended)

    def delete(self, run: str, again: bool) -> None:  # noqa: ARG002
        """Put a run into MLflow's trash."""
        self.client.delete_run(run)

    def newest(self, condition: str) -> "Run | None":
        """The newest run that meets a condition."""
        return next(iter(self.search(condition)), None)

    def search(self, condition: str) -> "list[Run]":
        """The runs that meet a condition, the newest first."""
        newest_first = ["attributes.start_time DESC"]
        page = self.client.search_runs([self.experiment], condition, order_by=newest_first)
        runs = list(page)
        while page.token:
            page = self.client.search_runs([self.experiment], condition, order_by=newest_first, page_token=page.token)
            runs += page
        return runs

    def known_points(self, run: str, name: str) -> set[tuple[int, float]]:
        """The step and value of each point that a run has of a metric; asked once, as a journal has many messages."""
        if (run, name) not in self.points:
            history = self.client.get_metric_history(run, name)
            self.points[run, name] = {(point.step, point.value) for point in history}
        return self.points[run, name]
