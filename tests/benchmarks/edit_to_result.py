"""How long it takes from an edit to a result: `python -m tests.benchmarks.edit_to_result`.

Times `dvc repro` after an edit of alpha, in its own clone, until the network is trained and evaluated, the pictures are
drawn, and the run is in MLflow; and compares that with a bare `python -c "import mlflow"`. With --cold, it times the
first `dvc repro` in fresh clones. The two commands alternate, so that other load on the machine affects both alike.
"""

import argparse
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.conftest import Project, new_project

ALPHA = "alpha: 0.3 "
PICTURES = 5


def seconds(project: Project, *command: str) -> float:
    """The seconds that a command takes."""
    start = time.perf_counter()
    project.ok(*command)
    return time.perf_counter() - start


def reproduced(project: Project) -> float:
    """The seconds that `dvc repro` takes. Exits if any of its results is missing."""
    report = project.root / "report"
    for picture in report.glob("*.png"):
        picture.unlink()
    known = len(project.tracked_runs()) if (project.root / "mlflow.db").exists() else 0
    taken = seconds(project, "dvc", "repro")
    runs = project.tracked_runs("attributes.status = 'FINISHED' and metrics.test_accuracy > 0")
    if len(runs) != known + 1:
        raise SystemExit("the run is not in MLflow with its evaluation")
    if len([*report.glob("*.png")]) != PICTURES:
        raise SystemExit("not all pictures are drawn")
    return taken


def edited(root: Path) -> Callable[[], float]:
    """A function that changes alpha in a clone to a new value, reproduces, and returns the seconds."""
    project = new_project(root)
    reproduced(project)
    text = project.read("conf/config.yaml")
    number = count(1)

    def measure() -> float:
        project.write("conf/config.yaml", text.replace(ALPHA, f"alpha: {0.3 + 0.001 * next(number):.3f} "))
        return reproduced(project)

    return measure


def cold(root: Path) -> Callable[[], float]:
    """A function that reproduces in a new clone, and returns the seconds."""
    number = count(1)
    return lambda: reproduced(new_project(root.parent / f"{root.name}{next(number)}" / "clone"))


def main() -> None:
    """Measure, and print each round and the median ratio."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.edit_to_result", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="the median is reported (%(default)s)")
    parser.add_argument("--cold", action="store_true", help="measure fresh clones instead of an edit")
    args = parser.parse_args()
    with TemporaryDirectory() as place:
        root = Path(place, "clone")
        ours = cold(root) if args.cold else edited(root)
        bare = Project(Path(place))
        bare.ok("python", "-c", "import mlflow")
        times = [(seconds(bare, "python", "-c", "import mlflow"), ours()) for _ in range(args.rounds)]
    for theirs, our in times:
        print(f"import mlflow {theirs:.2f} s, dvc repro {our:.2f} s, ratio {our / theirs:.2f}")
    print(f"median ratio {median(our / theirs for theirs, our in times):.2f}")


if __name__ == "__main__":
    main()
