"""How long it takes from an edit to a result: `python -m tests.benchmarks.edit_to_result`.

`dvc repro` after an edit of alpha, in a clone of its own, next to a bare `python -c "import mlflow"`: until the network
is trained and evaluated, the pictures are drawn, and the run is in MLflow. With --cold, the first `dvc repro` of each
of several clones. Both commands take turns, so that what else the machine does meets both alike.
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
    """How long a command takes."""
    start = time.perf_counter()
    project.ok(*command)
    return time.perf_counter() - start


def reproduced(project: Project) -> float:
    """How long `dvc repro` takes. Exits where not all of its result is there."""
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
    """What edits alpha in a clone to a value that it did not have, and reproduces."""
    project = new_project(root)
    reproduced(project)
    text = project.read("conf/config.yaml")
    number = count(1)

    def measure() -> float:
        project.write("conf/config.yaml", text.replace(ALPHA, f"alpha: {0.3 + 0.001 * next(number):.3f} "))
        return reproduced(project)

    return measure


def cold(root: Path) -> Callable[[], float]:
    """What reproduces in a new clone."""
    number = count(1)
    return lambda: reproduced(new_project(root.parent / f"{root.name}{next(number)}" / "clone"))


def main() -> None:
    """Measure, and print the medians and the ratio's."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.edit_to_result", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of which the median is taken (%(default)s)")
    parser.add_argument("--cold", action="store_true", help="measure fresh clones, and not an edit")
    asked = parser.parse_args()
    with TemporaryDirectory() as place:
        root = Path(place, "clone")
        ours = cold(root) if asked.cold else edited(root)
        bare = Project(Path(place))
        bare.ok("python", "-c", "import mlflow")
        times = [(seconds(bare, "python", "-c", "import mlflow"), ours()) for _ in range(asked.rounds)]
    for theirs, our in times:
        print(f"import mlflow {theirs:.2f} s, dvc repro {our:.2f} s, ratio {our / theirs:.2f}")
    print(f"median ratio {median(our / theirs for theirs, our in times):.2f}")


if __name__ == "__main__":
    main()
