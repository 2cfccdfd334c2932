"""Fuzz: the suite's own property tests of files, settings and the core, with many more examples."""

import random
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import CHECKOUT
from tests.faults.part import Case, Part

TRIED = re.compile(r"(\d+) passing, (\d+) failing")
FAILED = re.compile(r"^(?:FAILED|ERROR) .*", re.MULTILINE)


def files_of_properties() -> list[Path]:
    """The test files that have a property."""
    return [file for file in sorted((CHECKOUT / "tests").rglob("test_*.py")) if "@given" in file.read_text("utf-8")]


class Fuzz(Part):
    """A test file's properties, by the profile `faults` in tests/conftest.py."""

    name = "fuzz"
    cases = len(files_of_properties())

    def case(self, number: int, rng: random.Random) -> Case:
        file, seed = files_of_properties()[number].relative_to(CHECKOUT), rng.randrange(2**32)
        options = ("-q", "-n0", "-m", "hypothesis", "--hypothesis-profile=faults", "--hypothesis-show-statistics")

        def attempt() -> int:
            command = [sys.executable, "-m", "pytest", *options, f"--hypothesis-seed={seed}", str(file)]
            done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
            failed = FAILED.findall(done.stdout)
            assert done.returncode == 0, f"exit code {done.returncode}: {'; '.join(failed) or done.stdout}"
            tried = sum(int(passed) + int(failed) for passed, failed in TRIED.findall(done.stdout))
            assert tried, f"no example was counted: {done.stdout}"
            return tried

        return Case(str(file), attempt)
