"""Shared by the tests that read damaged files: what damage looks like, and a limit to memory."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import strategies as st

from pipeline.console.errors import UserError

SPARE = 2**28  # bytes that a reader may take beyond what the process has
LONGEST_MESSAGE = 1000  # characters


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with a piece replaced, or something else altogether."""
    places = st.tuples(st.integers(0, len(content)), st.integers(0, len(content))).map(sorted)
    pieces = st.one_of(
        st.binary(max_size=9), st.sampled_from([b"\0", b"\xff" * 8, b"-1", b"9" * 400, b"nan", b"\n", b","])
    )
    replaced = st.builds(lambda at, piece: content[: at[0]] + piece + content[at[1] :], places, pieces)
    overwritten = st.builds(lambda at, piece: content[: at[0]] + piece + content[at[0] + len(piece) :], places, pieces)
    return st.one_of(overwritten, replaced, st.binary(max_size=300))


def json_values() -> st.SearchStrategy:
    """Anything that JSON can hold."""
    plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9))
    return st.recursive(
        plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner), max_leaves=9
    )


@contextmanager
def a_result_or_one_sentence() -> Iterator[None]:
    """Check that the body ends well or with a UserError of one line, and takes little memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + SPARE, before[1]))
    try:
        yield
    except UserError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < LONGEST_MESSAGE
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def refusal(read: Callable[[Path], object], directory: Path, remedy: str) -> str:
    """The sentence with which a damaged directory is refused."""
    with pytest.raises(UserError) as caught:
        read(directory)
    message = str(caught.value)
    assert message.endswith(remedy)
    assert "\n" not in message
    assert len(message) < LONGEST_MESSAGE
    return message


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)
