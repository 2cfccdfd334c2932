"""Files and directories that are replaced completely or not at all, and paths as a user would type them."""

import errno
import os
import re
import shutil
import subprocess
import sys

import pytest

from pipeline.console.errors import in_words
from pipeline.files.paths import CHECKOUT, added, naming, replaced, shown, write_whole


def contents(directory):
    """Every file under the directory, with its content."""
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def old(tmp_path):
    """A directory left by an earlier success."""
    directory = tmp_path / "model"
    (directory / "below").mkdir(parents=True)
    (directory / "weights").write_text("old")
    (directory / "below" / "history").write_text("old too")
    return directory


def test_success_creates_the_directory(tmp_path):
    with replaced(tmp_path / "model") as directory:
        (directory / "weights").write_text("new")
    assert contents(tmp_path) == {"model/weights": "new"}


def test_success_creates_missing_parents(tmp_path):
    with replaced(tmp_path / "far" / "away" / "model") as directory:
        (directory / "weights").write_text("new")
    assert contents(tmp_path) == {"far/away/model/weights": "new"}


def test_success_leaves_nothing_of_the_old_directory(tmp_path, old):
    with replaced(old) as directory:
        (directory / "weights").write_text("new")
    assert contents(tmp_path) == {"model/weights": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_old_directory_stays_until_the_new_one_is_complete(old):
    with replaced(old) as directory:
        assert directory != old
        assert list(directory.iterdir()) == []
        (directory / "weights").write_text("new")
        assert contents(old) == {"weights": "old", "below/history": "old too"}


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_directory_unchanged(tmp_path, old, problem):
    with pytest.raises(problem), replaced(old) as directory:
        (directory / "weights").write_text("half")
        raise problem
    assert contents(old) == {"weights": "old", "below/history": "old too"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_exception_leaves_no_new_directory(tmp_path):
    with pytest.raises(ValueError, match="half"), replaced(tmp_path / "model") as directory:
        (directory / "weights").write_text("half")
        raise ValueError("half way")
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_are_discarded(tmp_path):
    with replaced(tmp_path / "model") as directory:
        name = directory.name
    (tmp_path / name).mkdir()
    (tmp_path / name / "rubbish").write_text("half")

    with replaced(tmp_path / "model") as directory:
        assert list(directory.iterdir()) == []
        (directory / "weights").write_text("new")
    assert contents(tmp_path) == {"model/weights": "new"}


def test_a_path_in_the_project_is_shown_relative_to_it():
    assert shown(CHECKOUT / "model" / "weights.npz") == "model/weights.npz"


def test_any_other_path_is_shown_in_full(tmp_path):
    assert shown(tmp_path / "model") == str(tmp_path / "model")


def test_added_files_join_the_existing_ones(tmp_path):
    report = tmp_path / "report"
    report.mkdir()
    (report / "notes.txt").write_text("mine")
    (report / "metrics.json").write_text("old")
    with added(report) as new:
        (new / "metrics.json").write_text("new")
    assert (report / "notes.txt").read_text() == "mine"
    assert (report / "metrics.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_an_exception_adds_nothing(tmp_path):
    with pytest.raises(KeyError), added(tmp_path / "report") as new:
        (new / "metrics.json").write_text("half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=["a link", "a dangling link", "a file", "a pipe"])
def in_the_way(request: pytest.FixtureRequest, tmp_path):
    """Something else where our directory should be."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine").write_text("mine")
    place = tmp_path / "project" / "model"
    place.parent.mkdir()
    match request.param:
        case "a link":
            place.symlink_to(tmp_path / "elsewhere")
        case "a dangling link":
            place.symlink_to(tmp_path / "nowhere")
        case "a file":
            place.write_text("a file")
        case "a pipe":
            os.mkfifo(place)
    return place


@pytest.mark.parametrize("replaced_or_added", [replaced, added])
@pytest.mark.parametrize("suffix", ["", ".partial", ".old.partial"])
def test_whatever_is_in_the_way_is_replaced_itself(tmp_path, in_the_way, replaced_or_added, suffix):
    where = in_the_way.rename(in_the_way.with_name("model" + suffix)).with_name("model")
    with replaced_or_added(where) as directory:
        (directory / "weights").write_text("new")
    assert contents(where.parent)["model/weights"] == "new"
    assert not where.is_symlink()
    assert contents(tmp_path / "elsewhere") == {"mine": "mine"}
    assert not (tmp_path / "nowhere").exists()


def test_an_added_file_takes_the_place_of_a_directory(tmp_path):
    (tmp_path / "report" / "metrics.json").mkdir(parents=True)
    with added(tmp_path / "report") as new:
        (new / "metrics.json").write_text("new")
    assert contents(tmp_path) == {"report/metrics.json": "new"}


def test_the_old_directory_gives_way_only_to_the_new_one(old, monkeypatch):
    """Until the old one is removed, which takes time, there is a complete one in its place."""
    seen = []
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: seen.append(contents(old)))
    with replaced(old) as directory:
        (directory / "weights").write_text("new")
    assert {"weights": "new"} in seen
    assert {} not in seen


def test_a_file_is_written_whole(tmp_path):
    write_whole(tmp_path / "list", b"new")
    write_whole(tmp_path / "list", b"newer")
    assert contents(tmp_path) == {"list": "newer"}


def test_a_link_left_by_someone_else_is_not_written_through(tmp_path):
    (tmp_path / "list.partial").symlink_to(tmp_path / "mine")
    write_whole(tmp_path / "list", b"new")
    assert contents(tmp_path) == {"list": "new"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("1024 requested and 512 written"), "1024 requested and 512 written"),  # as NumPy says it
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]), "No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_a_failure_that_names_no_file_gets_a_name(tmp_path, error, words):
    with pytest.raises(OSError, match=re.escape(words)) as named, naming(tmp_path / "file"):
        raise error
    said = in_words(named.value)
    assert said.startswith(f"{tmp_path}/file: ")
    assert words in said


def test_a_failed_write_is_taken_back(tmp_path):
    (tmp_path / "list").write_text("old")
    write = (
        "import resource, sys; from pathlib import Path; from pipeline.files.paths import write_whole; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); write_whole(Path(sys.argv[1]), bytes(2000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", write, tmp_path / "list"], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert "File too large" in done.stderr
    assert contents(tmp_path) == {"list": "old"}
