"""The code as pip installs it, without the project around it, used from another folder."""

import re
import sys

import pytest
from conftest import CHECKOUT, Project


@pytest.fixture(scope="module")
def elsewhere(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder that is no project, where Python finds the installed code."""
    packages = tmp_path_factory.mktemp("packages")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(packages))
    project.ok(sys.executable, "-m", "pip", "install", *options, ".")
    assert project.git_status() == ""
    assert {path.name for path in packages.iterdir() if path.suffix != ".dist-info"} == {"pipeline"}
    folder = Project(tmp_path_factory.mktemp("elsewhere"))
    folder.environment["PYTHONPATH"] = str(packages)
    return folder


def test_the_doctor_examines_a_network_in_any_folder(elsewhere: Project) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs/diagnosis.md").read_text(), re.DOTALL)
    elsewhere.write("mynetwork.py", code)
    for command in (("mynetwork.py",), ("-m", "pipeline.doctor", "mynetwork.py")):
        assert elsewhere.ok("python", *command).startswith("Cause: softmax_over_samples, in the softmax\n")


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_whatever_needs_a_clone_says_so(command: str, elsewhere: Project) -> None:
    before = sorted(elsewhere.root.rglob("*"))
    printed = elsewhere.fails("python", "-m", f"pipeline.{command}")
    assert printed.startswith("error: this command needs a Git clone of the project")
    assert len(printed.splitlines()) == 1
    assert sorted(elsewhere.root.rglob("*")) == before


def test_only_the_doctor_needs_no_clone() -> None:
    commands = {file.stem: file.read_text() for file in (CHECKOUT / "pipeline").glob("[!_]*.py")}
    assert [name for name, code in commands.items() if "run_in_a_clone(main)" not in code] == ["doctor"]
