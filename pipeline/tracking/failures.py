"""What MLflow raises, and what that means: it may work later, it never will, or the store can't be used at all."""

from textwrap import shorten

from pipeline.console.credentials import without_credentials
from pipeline.tracking.address import is_a_server, store_uri

LONGEST_REASON = 160
BAD_REQUEST, TOO_LARGE, TOO_MANY_REQUESTS, NOT_ANSWERED = 400, 413, 429, 500  # as HTTP has them
NOT_ALLOWED = (401, 403)


def failures() -> tuple[type[Exception], ...]:
    """What MLflow raises when its store can't be used; the errors of HTTP are OSErrors."""
    from mlflow.exceptions import MlflowException

    return (MlflowException, OSError)


def failures_to_connect() -> tuple[type[Exception], ...]:
    """What it raises besides when it can't connect at all; for a server, nothing else needs SQLAlchemy's import."""
    from sqlalchemy.exc import SQLAlchemyError

    return (*failures(), ImportError, SQLAlchemyError)


def is_passing(error: Exception) -> bool:
    """Whether the same may work later: a server does not answer, or says that it can't now."""
    code = http_code(error)
    return is_a_server(store_uri()) and (code >= NOT_ANSWERED or code == TOO_MANY_REQUESTS)


def is_refusal(error: Exception) -> bool:
    """Whether the store works, but will never take this; not what a proxy answers in a server's place."""
    from mlflow.exceptions import RestException

    code = http_code(error)
    if isinstance(error, FileNotFoundError) or code == TOO_LARGE:
        return True
    is_the_store_s = isinstance(error, RestException) or not is_a_server(store_uri())
    return is_the_store_s and code < NOT_ANSWERED and code not in (TOO_MANY_REQUESTS, *NOT_ALLOWED)


def http_code(error: Exception) -> int:
    """HTTP's code for what MLflow raises; 500 where there is no answer."""
    from mlflow.exceptions import InvalidUrlException, MlflowException

    if isinstance(error, InvalidUrlException):
        return BAD_REQUEST
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())  # type: ignore[no-untyped-call]
    response = getattr(error, "response", None)  # of an upload
    return NOT_ANSWERED if response is None else int(response.status_code)


def reason(error: Exception) -> str:
    """What MLflow says of an error, in a line without user and password."""
    return shorten(without_credentials(str(error).splitlines()[0]), LONGEST_REASON, placeholder=" ...")
