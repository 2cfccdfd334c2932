"""Fetch a published file from the first source that has it, and check it before moving it into place."""

import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pooch

from pipeline.console.errors import UserError

TIMEOUT_SECONDS = 20  # to connect, and between chunks


def is_url(source: str) -> bool:
    """Whether the source is a URL rather than a directory."""
    return "://" in source


def copy_file(url: str, output_file: str, _pooch: Any) -> None:
    """Pooch's downloader for local files."""
    shutil.copyfile(url, output_file)


def fetch(name: str, sha256: str, sources: Sequence[str], directory: Path) -> None:
    """Put the file `name` into `directory`, from the first of `sources` that has it with the right checksum.

    A source is a directory or the URL of one. Pooch downloads to a temporary file and moves it into place once its
    checksum is right. If no source has the file, raises UserError with what went wrong at each.
    """
    pooch.get_logger().setLevel(logging.ERROR)
    over_http = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT_SECONDS)
    failures = []
    for source in sources:
        url = f"{source.rstrip('/')}/{name}"
        downloader = over_http if is_url(source) else copy_file
        try:
            pooch.retrieve(url, known_hash=f"sha256:{sha256}", fname=name, path=directory, downloader=downloader)
        except (OSError, ValueError) as error:
            failures.append(f"{url}: {reason(error)}")
        else:
            return
    raise UserError(
        f"{name} could not be fetched ({'; '.join(failures)}): "
        "check the network, or set dataset.source to a directory or URL that has the file"
    )


def reason(error: Exception) -> str:
    """The error in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, ValueError) and "does not match the known hash" in str(error):
        return "its sha256 is not the published one, so it is damaged or a different file"
    return str(error).strip().rstrip(".")
