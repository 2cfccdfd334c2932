"""Full disks: one sentence, and once there is space again the same command completes its work."""

import random
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from tests.faults.nothing_lost import require_nothing_lost, sizes
from tests.faults.part import Case, Part
from tests.faults.place import REPRO, SWEEP, Place, Scenario

PAGE = 4096  # bytes: a file system in memory consists of whole pages
SHARE = 0.8  # at most, of what the command needs
FULL_DISK = ("No space left on device", "disk is full", "unable to open database file", "File too large")

DOWNLOAD = Scenario(("python", "-m", "pipeline.download"))
NORMALISE = Scenario(("python", "-m", "pipeline.normalise"))
TRAIN = Scenario(("python", "-m", "pipeline.train"), "edited")
EVALUATE = Scenario(("python", "-m", "pipeline.evaluate"), "retrained")
HEAL = Scenario(("python", "-m", "pipeline.heal", "alpha=5", "init=zeros"))
REBUILD = Scenario(("python", "-m", "pipeline.track", "rebuild"), "without_store")


class Full(NamedTuple):
    """A command, and the folder that gets a small disk of its own."""

    scenario: Scenario
    folder: str = "."


FULL = [
    *(Full(scenario) for scenario in (REPRO, DOWNLOAD, NORMALISE, TRAIN, EVALUATE, SWEEP, HEAL, REBUILD)),
    *(Full(TRAIN, folder) for folder in ("runs", "mlartifacts", "unpublished")),
    *(Full(SWEEP, folder) for folder in ("multirun", "mlartifacts", "unpublished")),
    *(Full(EVALUATE, folder) for folder in ("runs", "mlartifacts", "unpublished")),
    Full(REBUILD, "mlartifacts"),
    Full(REPRO, ".dvc/cache"),
    Full(HEAL, "runs"),
]

# $1 is what a new file system allows and $2 where it goes; the rest is the command. Nobody else sees this file system.
WITH_LITTLE_SPACE = """
allowed=$1 folder=$2; shift 2
mkdir -p "$folder" && cp -a "$folder" ../full &&
mount -t tmpfs -o "$allowed" none "$folder" && cd "$PWD" && cp -a ../full/. "$folder" || exit 9
"$@" >../first.txt 2>&1; echo $? >../first
mount -o remount,size=1g,nr_inodes=1m "$folder" || exit 9
"$@" >../second.txt 2>&1; echo $? >../second
cp -a . ../after
"""
# The same where a user can't mount anything: no file may grow beyond $1 KiB.
WITH_SMALL_FILES = """
allowed=$1; shift 2
(ulimit -f "$allowed"; "$@" >../first.txt 2>&1; echo $? >../first)
"$@" >../second.txt 2>&1; echo $? >../second
cp -a . ../after
"""
LARGEST = 100  # KiB, for such a file
APART = ("unshare", "--map-root-user", "--mount", "bash", "-c")


class FullDisks(Part):
    """A command that runs out of space, or of files, on a disk that holds the project or one of its folders."""

    name = "disks"
    cases = 20

    def case(self, number: int, rng: random.Random) -> Case:
        full, share = FULL[number % len(FULL)], SHARE * rng.random()
        few_files = rng.random() < 0.25 or full.folder == "unpublished"

        def attempt() -> None:
            expected = self.place.undisturbed(full.scenario)
            project = self.place.put(full.scenario.state)
            before, after = (usage(of, full.folder) for of in (sizes(project), expected.sizes))
            space, files = (had + int(share * max(1, has - had)) for had, has in zip(before, after, strict=True))
            if can_mount():
                allowed = f"nr_inodes={files}" if few_files else f"size={max(space, PAGE)}"
                how = [*APART, WITH_LITTLE_SPACE, "bash", allowed]
            else:
                how = ["bash", "-c", WITH_SMALL_FILES, "bash", f"{share * LARGEST:.0f}"]
            require_sentence_then_success(self.place, full, how)
            require_nothing_lost(self.place.project, expected)

        what = "files" if few_files else "space"
        return Case(f"`{full.scenario}` has {share:.0%} of the {what} it needs in {full.folder}", attempt)


def require_sentence_then_success(place: Place, full: Full, how: Sequence[str]) -> None:
    """Run a command twice, the first time without enough space, and leave what it made in the place."""
    project, folder = place.project, place.directory
    shutil.rmtree(folder / "full", ignore_errors=True)
    done = project.run(*how, full.folder, *full.scenario.command)
    assert done.returncode == 0, f"the disk could not be made: {done.stdout}"
    shutil.rmtree(project.root)
    (folder / "after").rename(project.root)

    first, second = ((folder / f"{name}.txt").read_text(encoding="utf-8") for name in ("first", "second"))
    assert "Traceback" not in first, f"a traceback: {first}"
    if (folder / "first").read_text() != "0\n":
        assert any(words in first for words in FULL_DISK), f"not a sentence on the disk: {first}"
    assert (folder / "second").read_text() == "0\n", f"with space again: {second}"


@cache
def can_mount() -> bool:
    """Whether this user can have file systems of their own."""
    try:
        return subprocess.run([*APART, "mount -t tmpfs none /mnt"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def usage(of: Mapping[str, int], folder: str) -> tuple[int, int]:
    """The bytes and the files that a file system needs for a folder, given the sizes of everything in the project."""
    inside = [size for name, size in of.items() if folder == "." or name.startswith(f"{folder}/")]
    return sum(-(-size // PAGE) * PAGE for size in inside), len(inside) + 1
