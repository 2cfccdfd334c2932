"""Every command explains itself, and refuses words that it doesn't know, before it does anything."""

import pytest
from answers import answers
from conftest import CHECKOUT, Project

STAGES = ("config", "source", "download", "normalise", "train", "evaluate")
COMMANDS = (*STAGES, "sweep", "track", "ui", "doctor", "heal")
EXPLAINED = {  # words from the answer to --help
    "config": ["compose conf/ into params.yaml", "reads conf/", "writes params.yaml", "pipeline.config apply"],
    "source": ["link to the file", "reads params.yaml", "writes source/"],
    "download": ["fetch the dataset", "the dataset's source", "writes raw/"],
    "normalise": ["fit the normalisation", "reads params.yaml, data/", "writes normalised/"],
    "train": ["train a network", "reads params.yaml and normalised/", "writes model/"],
    "evaluate": ["measure the model", "reads model/ and normalised/", "writes report/"],
    "sweep": ["alpha=0.1,0.3 init=uniform,he", "+experiment=stability", "https://hydra.cc"],
    "track": ["rebuild", "reproduce", "champion"],
    "ui": ["--port"],
    "doctor": ["mynetwork.py", "--samples"],
    "heal": ["alpha=5 init=zeros", "SETTING=VALUE"],
}
REFUSED = {  # exit code and words from the answer to a word that means nothing
    **dict.fromkeys(STAGES, (2, "error: a stage takes no arguments, such as nonsense: `dvc exp run -S alpha=0.1`")),
    "config": (1, "error: can't read 'nonsense': write name=value"),
    "sweep": (1, "error: can't read 'nonsense': write name=value"),
    "track": (2, "invalid choice: 'nonsense'"),
    "ui": (2, "unrecognized arguments: nonsense"),
    "doctor": (1, "error: nonsense"),
    "heal": (1, "error: can't read 'nonsense': write name=value"),
}


def files(project: Project) -> dict[str, int]:
    """When each file and directory of the project was last changed."""
    found = [path for path in project.root.rglob("*") if not {".git", "__pycache__"} & set(path.parts)]
    return {str(path): path.stat().st_mtime_ns for path in found if path.is_file()} | {
        str(path): 0 for path in found if path.is_dir()
    }


@pytest.fixture(scope="module")
def answered(project: Project) -> dict[str, tuple[int, str]]:
    """What every command answered, which left the project as it was."""
    before = files(project)
    words = ("--help", "nonsense", "--nonsense")
    answered = answers(project, *(f"{command} {word}" for command in COMMANDS for word in words))
    assert files(project) == before
    return answered


def test_every_command_is_tested() -> None:
    assert {file.stem for file in (CHECKOUT / "pipeline").glob("*.py")} == {*COMMANDS, "__init__"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself(answered: dict[str, tuple[int, str]], command: str) -> None:
    code, text = answered[f"{command} --help"]
    assert code == 0
    assert text.startswith(f"usage: python -m pipeline.{command}")
    assert [words for words in EXPLAINED[command] if words not in " ".join(text.split())] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_word_is_refused(answered: dict[str, tuple[int, str]], command: str) -> None:
    code, text = answered[f"{command} nonsense"]
    assert code == REFUSED[command][0]
    assert REFUSED[command][1] in text
    code, text = answered[f"{command} --nonsense"]
    assert code == 2
    assert "--nonsense" in text.splitlines()[-1]
