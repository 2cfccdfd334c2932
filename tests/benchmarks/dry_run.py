"""How well a dry run estimates the time that a sweep takes: `python -m tests.benchmarks.dry_run`.

Rehearses and then runs some sweeps in a clone, on digits and, if its files are there, on MNIST.
"""

import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import MNIST, Project, new_project, served

SWEEPS = {
    "digits": [
        "alpha=0.1,0.2,0.3,0.5,1 init=he,xavier,uniform,normal",
        "alpha=0.1,0.3,1 init=he,xavier seed=range(10) iterations=100,300,1000",
        "alpha=0.1,0.3 hidden=[10],[40],[20,20] batch_size=32,128 iterations=2000",
    ],
    "mnist": [
        "alpha=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8 iterations=60",
        "alpha=0.1,0.3 batch_size=64 iterations=2000",
    ],
}
THOUSAND = "alpha=0.1,0.2,0.3,0.5,1 init=he,xavier,uniform,normal seed=range(50)"


def seconds(project: Project, *command: str) -> tuple[float, str]:
    """The seconds that a sweep takes, and what it prints."""
    started = time.perf_counter()
    printed = project.ok("python", "-m", "pipeline.sweep", *command)
    return time.perf_counter() - started, printed


def estimated(printed: str) -> int:
    """The estimate of a dry run, in seconds."""
    found = re.search(r"Estimate: (?:(\d+):)?(\d+):(\d+) ", printed)
    if not found:
        raise SystemExit(f"there is no estimate in:\n{printed}")
    hours, minutes, rest = (int(number or 0) for number in found.groups())
    return 3600 * hours + 60 * minutes + rest


def compare(project: Project, dataset: str) -> None:
    """Print the estimate, the time then taken, and their ratio, for each sweep on a dataset."""
    for sweep in SWEEPS[dataset]:
        words = (f"dataset={dataset}", *sweep.split())
        answered, printed = seconds(project, *words, "dry_run=true")
        taken, _ = seconds(project, *words)
        about = estimated(printed)
        print(f"{dataset}: {about} s estimated in {answered:.1f} s, {taken:.1f} s taken, {about / taken:.2f}: {sweep}")


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as place:
        project = new_project(Path(place) / "clone")
        project.ok("dvc", "repro")
        print(f"1,000 points: answered in {seconds(project, *THOUSAND.split(), 'dry_run=true')[0]:.1f} s")
        compare(project, "digits")
        if MNIST.is_dir():
            with served(MNIST) as address:
                source = ("-S", f"dataset.source={address}")
                project.ok("dvc", "exp", "run", "-S", "dataset=mnist", *source, "normalise")
                SWEEPS["mnist"] = [f"dataset.source={address} {sweep}" for sweep in SWEEPS["mnist"]]
                compare(project, "mnist")


if __name__ == "__main__":
    main()
