"""Report files that were lost or damaged after a stage wrote them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

from pipeline.console.errors import UserError
from pipeline.files.paths import shown

REASON_LENGTH = 150  # characters


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into one UserError that names it and ends in the remedy.

    No library documents what it raises for damaged bytes, so any Exception means damage, except a lack of memory.
    """
    if not path.is_file():
        raise UserError(f"{shown(path)} {'is not a file' if path.exists() else 'is missing'}: {remedy}")
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(f"{shown(path)} is damaged ({shorten(str(error), REASON_LENGTH)}): {remedy}") from None
