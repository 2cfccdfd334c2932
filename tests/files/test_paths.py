"""Directories that are replaced completely or not at all, and paths as a user would type them."""

import pytest

from pipeline.files.paths import CHECKOUT, added, replaced, shown


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
