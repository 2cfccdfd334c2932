"""Fetch a published file from the first source that has it, and check it before moving it into place."""

import logging
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import pooch
import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from pipeline.console.errors import UserError
from pipeline.console.signals import handled

PATIENCE_SECONDS = 20  # a source is judged by what it sent in this time
CHUNK = 2**16  # bytes
REASON_LENGTH = 300  # characters; a server can answer at any length


class Published(NamedTuple):
    """A file as it was published."""

    name: str
    size: int  # bytes
    sha256: str


class HungError(Exception):
    """A source sent too little for too long."""


def is_url(source: str) -> bool:
    """Whether the source is a URL rather than a directory."""
    return "://" in source


def fetch(file: Published, sources: Sequence[str], directory: Path, slowest: float) -> list[str]:
    """Put a file into `directory`, from the first of `sources` that has it with the right size and checksum.

    A source is a directory or the URL of one; `slowest` is the rate, in bytes per second, below which a URL is given
    up. Pooch downloads to a temporary file and moves it into place once its checksum is right. Returns the sources in
    the order in which to try them for the next file: those that hung come last. If no source has the file, raises
    UserError with what went wrong at each.
    """
    pooch.get_logger().setLevel(logging.ERROR)
    over_http, hung, failures = partial(download, size=file.size, slowest=slowest), [], []
    for source in sources:
        url = f"{source.rstrip('/')}/{file.name}"
        downloader = over_http if is_url(source) else partial(copy, size=file.size)
        try:
            pooch.retrieve(url, f"sha256:{file.sha256}", file.name, directory, downloader=downloader)
        except (HungError, OSError, ValueError, HTTPError) as error:
            failures.append(f"{url}: {reason(error)}")
            if isinstance(error, HungError):
                hung.append(source)
        else:
            return sorted(sources, key=hung.__contains__)
    raise UserError(
        f"{file.name} could not be fetched ({'; '.join(failures)}): "
        "check the network, or set dataset.source to a directory or URL that has the file"
    )


def copy(source: str, output_file: str, _pooch: Any, *, size: int) -> None:
    """Pooch's downloader for local files. Raises ValueError for one that isn't as long as the published one."""
    path = Path(source)
    if path.exists() and not path.is_file():
        raise ValueError("it is not a file")
    check_size(path.stat().st_size, size)
    shutil.copyfile(path, output_file)


def download(url: str, output_file: str, _pooch: Any, *, size: int, slowest: float) -> None:
    """Pooch's downloader for HTTP.

    Stops at the first byte beyond `size` with ValueError, and at a rate below `slowest`, in bytes per second, with
    HungError. It takes the bytes as they are sent: neither redirects nor compression by the server can add to them.
    """
    received = 0
    with (
        at_least(slowest) as count,
        requests.get(
            url, stream=True, headers={"Accept-Encoding": "identity"}, hooks={"response": without_body}
        ) as response,
        open(output_file, "wb") as output,  # noqa: PTH123 (Pooch passes the path as text)
        tqdm(total=size, unit="B", unit_scale=True, leave=False, disable=None) as bar,
    ):
        response.raise_for_status()
        while received <= size and (chunk := response.raw.read1(CHUNK, decode_content=False)):
            output.write(chunk)
            received += len(chunk)
            count(len(chunk))
            bar.update(len(chunk))
    check_size(received, size)


def without_body(response: requests.Response, **_: Any) -> None:
    """Close a redirect, or requests would read all of its body before following it."""
    if response.is_redirect:
        response.close()


@contextmanager
def at_least(rate: float) -> Iterator[Callable[[int], None]]:
    """Yield a function to tell of received bytes. Raises HungError once there were fewer than `rate` per second.

    An alarm looks, because a server can hold up any step: the connection, its encryption, each line of the header.
    """
    recent = 0

    def count(received: int) -> None:
        nonlocal recent
        recent += received

    def look(*_: Any) -> None:
        nonlocal recent
        if recent < rate * PATIENCE_SECONDS:
            raise HungError(f"it sent {recent} bytes in {PATIENCE_SECONDS} seconds, too few")
        recent = 0
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)

    with handled(look, [signal.SIGALRM]):
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
        try:
            yield count
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def check_size(found: int, published: int) -> None:
    """Raise ValueError for a file of another size than the published one."""
    if found > published:
        raise ValueError(f"it has more than the {published} bytes of the published file")
    if found < published:
        raise ValueError(f"it has {found} bytes, but the published file has {published}")


def reason(error: Exception) -> str:
    """The error in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, ValueError) and "does not match the known hash" in str(error):
        return "its sha256 is not the published one, so it is damaged or a different file"
    return shorten(str(error), REASON_LENGTH).rstrip(".")
