"""MLflow's store: what can be asked of it, what can be told to it, and what happens while it can't be reached.

MLflow takes seconds to import, so that is left to the functions that need it.
"""

import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.files.dataset import About
from pipeline.files.paths import project_root
from pipeline.tracking.address import is_a_server, store_uri
from pipeline.tracking.experiment import lock
from pipeline.tracking.messages import Message, Writer
from pipeline.tracking.open_runs import close_abandoned_runs
from pipeline.tracking.outbox import Outbox, left_behind

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SECONDS_BETWEEN_TRIALS = 60.0  # of a store that did not answer
FOR_MLFLOW = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it would print the password in it
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a server that is gone would else hold a training up for four minutes,
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds, and one that hangs for sixteen
}
LOGGED = {"mlflow": logging.WARNING, "alembic": logging.WARNING, "urllib3": logging.ERROR}  # else each table and retry
LONGEST_REASON = 160
REFUSED = "refused"
BAD_REQUEST, TOO_LARGE, TOO_MANY_REQUESTS = 400, 413, 429  # as HTTP has them
NOT_ALLOWED = (401, 403)

T = TypeVar("T")


class Store:
    """The experiment in which all runs are.

    While the store can't be reached, a question finds nothing, and what is told waits in unsent/. Each minute, and in
    every later process, it is tried again.
    """

    def __init__(self, client: "MlflowClient") -> None:
        self.client = client
        self.writer = Writer(client)
        self.outbox = Outbox.new(unsent())
        self.refused = Outbox.new(unsent() / REFUSED)
        self.lost: float | None = None  # when the store did last not answer, by the monotonic clock

    def search(self, condition: str) -> "list[Run]":
        """The runs that meet a condition, the newest first."""
        return self.asked(lambda: self.writer.search(condition), [])

    def network(self, run: str, sha256: str) -> str | None:
        """The id of the run's MLflow model that has the network with this sha256."""
        return self.asked(lambda: self.writer.network_of(run, sha256), None)

    def newest(self, conditions: Iterable[str]) -> "Run | None":
        """The newest run that meets the first of the conditions that any run meets."""
        return next((runs[0] for runs in map(self.search, conditions) if runs), None)

    def create_run(
        self, name: str, tags: Mapping[str, str], started: float | None = None, same: Sequence[str] = ()
    ) -> str:
        """Open a run; its id, or what stands for it until it has one.

        It started now, unless a time is given (seconds since 1970). `same` are conditions by which, if the store can't
        be reached now, the run shall be recognised then.
        """
        uid = f"run-{uuid4().hex}"
        moment = milliseconds(time.time() if started is None else started)
        self.tell("create", uid, name=name, tags=dict(tags), started=moment, same=list(same))
        return self.writer.ids.get(uid, uid)

    def log(
        self,
        run: str,
        rows: Iterable[tuple[int, Mapping[str, float]]] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        again: bool = False,
    ) -> None:
        """Log rows of metrics, each at its step, params and tags, all at once; `again`: but what is there already."""
        now = milliseconds(time.time())
        metrics = [(name, value, now, step) for step, row in rows for name, value in row.items()]
        typed = {key: as_typed(value) for key, value in (params or {}).items()}
        self.tell("log", run, again, metrics=metrics, params=typed, tags=dict(tags or {}))

    def log_data(self, run: str, about: About) -> None:
        """Log which data a run is of."""
        self.tell("data", run, name=about.name, md5=about.data_md5)

    def log_files(self, run: str, directory: Path, name: str | None = None) -> None:
        """Log the files in a directory, under a name."""
        self.tell("files", run, directory=str(directory), name=name)

    def log_text(self, run: str, text: str, path: str) -> None:
        """Log a text as the file at a path."""
        self.tell("text", run, text=text, path=path)

    def log_network(
        self, run: str, directory: Path, tags: Mapping[str, str], params: Mapping[str, Any], step: int
    ) -> None:
        """Log the MLflow model in a directory as a run's, of its last step."""
        typed = {key: as_typed(value) for key, value in params.items()}
        self.tell("network", run, directory=str(directory), tags=dict(tags), params=typed, step=step)

    def reopen(self, run: str) -> None:
        """Let a run go on that had ended."""
        self.tell("reopen", run)

    def close(self, run: str, status: str = "FINISHED", ended: float | None = None) -> None:
        """End a run: now, unless a time is given (seconds since 1970)."""
        self.tell("close", run, status=status, ended=milliseconds(time.time() if ended is None else ended))

    def delete(self, run: str) -> None:
        """Put a run into MLflow's trash."""
        self.tell("delete", run)

    def run(self, run: str) -> "Run":
        """A run by its id. Raises UserError where there is none."""
        try:
            return self.client.get_run(run)
        except failures() as error:
            raise UserError(f"MLflow has no run {run} ({reason(error)}): its page in `mlflow ui` has its id") from None

    def download(self, run: str, path: str, directory: str) -> Path:
        """Bring artefacts of a run to a directory; where they are there. Raises UserError where they are gone."""
        try:
            return Path(self.client.download_artifacts(run, path, directory))
        except failures() as error:
            raise UserError(f"MLflow's run {run} has no artefact {path} ({reason(error)})") from None

    def asked(self, question: Callable[[], T], otherwise: T) -> T:
        """The answer to a question, or what there is without the store."""
        if not self.is_silent:
            try:
                return question()
            except failures() as error:
                if is_refusal(error):
                    raise
                self.lose(error)
        return otherwise

    def tell(self, kind: str, run: str, again: bool = False, **content: Any) -> None:
        """Write a message to the store, or keep it until that can be reached."""
        message = Message(kind, run, content)
        if not self.is_silent:
            try:
                if self.outbox:
                    self.send_left_behind()  # what is older comes first
                    self.send(self.outbox)
                self.write(message, again)
            except failures() as error:
                self.lose(error)
            else:
                self.lost = None
                return
        self.outbox.keep(message)

    def write(self, message: Message, again: bool) -> None:
        """Write a message; put it aside if the store refuses it for good, as when its run was deleted meanwhile."""
        try:
            self.writer.write(message, again)
        except failures() as error:
            if not is_refusal(error):
                raise
            self.refused.keep(message)
            warn(f"MLflow refuses what is now in {self.refused.file}: {reason(error)}")

    def send(self, outbox: Outbox) -> int:
        """Write messages that waited; how many they were."""
        messages = outbox.messages()
        self.writer.points.clear()
        for message in messages:
            self.write(message, again=True)
        outbox.clear()
        return len(messages)

    def send_left_behind(self) -> int:
        """Write what processes that are gone have left in unsent/; how many messages that were."""
        with lock():
            return sum(self.send(outbox) for outbox in left_behind(unsent()))

    def greet(self) -> None:
        """Send what waited. Raises what MLflow raises, unless it is a server that does not answer."""
        try:
            self.writer.experiment  # noqa: B018 (it asks for it)
            if sent := self.send_left_behind():
                warn(f"MLflow's store has now {sent} messages that waited in unsent/")
        except failures() as error:
            if not (is_a_server(store_uri()) and is_passing(error)):
                raise
            self.lose(error)

    @property
    def is_silent(self) -> bool:
        """Whether the store did not answer a moment ago."""
        return self.lost is not None and time.monotonic() - self.lost < SECONDS_BETWEEN_TRIALS

    def lose(self, error: Exception) -> None:
        """Go on without the store for a while."""
        if self.lost is None:
            warn(
                f"MLflow's store does not answer ({reason(error)})\nIt goes on without: what the store should know is "
                "kept in unsent/, and sent by the next stage or sweep, or by `python -m pipeline.track`"
            )
        self.lost = time.monotonic()


def failures() -> tuple[type[Exception], ...]:
    """What MLflow raises when its store can't be used; the errors of HTTP are OSErrors."""
    from mlflow.exceptions import MlflowException

    return (MlflowException, OSError)


def hindrances() -> tuple[type[Exception], ...]:
    """What MLflow raises besides when it can't connect at all; for a server, nothing else needs SQLAlchemy's import."""
    from sqlalchemy.exc import SQLAlchemyError

    return (*failures(), ImportError, SQLAlchemyError)


def is_passing(error: Exception) -> bool:
    """Whether what the store did not do now, it may do later: there is no answer, or none but that it can't."""
    code = http_code(error)
    return code >= 500 or code == TOO_MANY_REQUESTS


def is_refusal(error: Exception) -> bool:
    """Whether the store takes messages, but never this one; not what a proxy answers in a server's place."""
    from mlflow.exceptions import RestException

    if isinstance(error, FileNotFoundError) or http_code(error) == TOO_LARGE:
        return True
    is_the_store_s = isinstance(error, RestException) or not is_a_server(store_uri())
    return is_the_store_s and not is_passing(error) and http_code(error) not in NOT_ALLOWED


def http_code(error: Exception) -> int:
    """HTTP's code for what MLflow raises; 500 where there is no answer."""
    from mlflow.exceptions import InvalidUrlException, MlflowException

    if isinstance(error, InvalidUrlException):
        return BAD_REQUEST
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())  # type: ignore[no-untyped-call]
    response = getattr(error, "response", None)  # of an upload
    return 500 if response is None else int(response.status_code)


def reason(error: Exception) -> str:
    """What MLflow says of an error, in a line without user and password."""
    return shorten(without_credentials(str(error).splitlines()[0]), LONGEST_REASON, placeholder=" ...")


def warn(text: str) -> None:
    """Say something beside what the program prints."""
    print(text, file=sys.stderr, flush=True)


def milliseconds(seconds: float) -> int:
    """A time as MLflow has it."""
    return round(seconds * 1000)


def unsent() -> Path:
    """Where messages for this store wait."""
    address = without_credentials(store_uri())
    return project_root() / "unsent" / hashlib.sha256(address.encode()).hexdigest()[:12]


def connect() -> Store:
    """The store, made where it is not yet there.

    What waited for it in unsent/ is sent, and runs whose process is gone are closed. A server that does not answer is
    no error. Raises UserError where there can be no store.
    """
    for name, value in FOR_MLFLOW.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name, level in LOGGED.items():
        logging.getLogger(name).setLevel(level)
    try:
        with lock():
            store = Store(MlflowClient(tracking_uri=store_uri()))
            store.greet()
        close_abandoned_runs(store)
    except hindrances() as error:
        raise UserError(f"MLflow's store can't be used ({reason(error)}): see what MLFLOW_TRACKING_URI names") from None
    return store


def refusals() -> Path | None:
    """The directory of what the store refused for good, if there is anything."""
    directory = unsent() / REFUSED
    return directory if directory.exists() else None


def connected() -> Store:
    """The store, for what can't be done without. Raises UserError where it does not answer."""
    store = connect()
    if store.lost is not None:
        raise UserError("MLflow's server must answer for this: start it again, or see what MLFLOW_TRACKING_URI names")
    return store


def as_typed(value: Any) -> str:
    """A setting's value as one types it on the command line."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
