"""What MLflow raises, and what it means: try again later, never again, or there is no usable store at all."""

from textwrap import shorten

from pipeline.console.credentials import without_credentials
from pipeline.files.paths import shown
from pipeline.tracking.address import is_a_server, store_file, store_uri

LONGEST_REASON = 160
BEFORE_THE_REASON = "(raised as a result of "  # SQLAlchemy's advice to programmers
BAD_REQUEST, TOO_LARGE, TOO_MANY_REQUESTS, SERVER_ERROR = 400, 413, 429, 500  # HTTP status codes
NOT_ALLOWED = (401, 403)


def failures() -> tuple[type[Exception], ...]:
    """What MLflow raises when its store fails. HTTP errors are OSErrors."""
    from mlflow.exceptions import MlflowException

    return (MlflowException, OSError)


def connection_failures() -> tuple[type[Exception], ...]:
    """What it can raise on connecting. Only this needs SQLAlchemy, which a server's client doesn't import."""
    from sqlalchemy.exc import SQLAlchemyError

    return (*failures(), ImportError, SQLAlchemyError)


def is_temporary(error: Exception) -> bool:
    """Whether the server didn't answer, can't answer right now, or wants other credentials, which may come."""
    code = status_code(error)
    return code >= SERVER_ERROR or code in (*NOT_ALLOWED, TOO_MANY_REQUESTS)


def is_refusal(error: Exception) -> bool:
    """Whether the store will never take this. A proxy's answer in the server's place doesn't count."""
    from mlflow.exceptions import RestException

    if isinstance(error, FileNotFoundError) or status_code(error) == TOO_LARGE:
        return True
    is_the_stores = isinstance(error, RestException) or not is_a_server(store_uri())
    return is_the_stores and not is_temporary(error)


def status_code(error: Exception) -> int:
    """The HTTP status of what MLflow raised; 500 if there was no answer."""
    from mlflow.exceptions import InvalidUrlException, MlflowException

    if isinstance(error, InvalidUrlException):
        return BAD_REQUEST
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())  # type: ignore[no-untyped-call]
    response = getattr(error, "response", None)  # of an upload
    return SERVER_ERROR if response is None else int(response.status_code)


def complaint(error: Exception) -> str:
    """That the store failed, which one, and why."""
    if is_a_server(store_uri()):
        if status_code(error) in NOT_ALLOWED:
            return f"MLflow's server denied access ({reason(error)})"
        return f"MLflow's store does not answer ({reason(error)})"
    file = store_file()
    return f"MLflow's store{f' {shown(file)}' if file else ''} failed ({reason(error)})"


def is_of_a_file(error: Exception) -> bool:
    """Whether a file can't be read or written, which `pipeline.console.errors` puts into words."""
    return isinstance(error, OSError) and error.filename is not None


def reason(error: Exception) -> str:
    """The first line of an error that says something, without credentials."""
    lines = (line for line in str(error).splitlines() if not line.startswith(BEFORE_THE_REASON))
    return shorten(without_credentials(next(lines, type(error).__name__)), LONGEST_REASON, placeholder=" ...")
