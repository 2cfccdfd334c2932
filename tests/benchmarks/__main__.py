"""Compare how long our and other implementations take for the same descents: `python -m tests.benchmarks --help`."""

import argparse
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from tests.benchmarks.implementations import OF_FULL_BATCH, OF_MINIBATCHES, Implementation
from tests.benchmarks.problems import digits, in_minibatches, mnist
from tests.benchmarks.report import circumstances, efficiency, table, write
from tests.benchmarks.workers import limit_threads, measure

HERE = Path(__file__).resolve().parent
MNIST = Path(os.environ.get("MNIST_DIRECTORY", HERE.parents[2] / "shared" / "data" / "mnist"))


def arguments() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="per implementation (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="the median is reported (%(default)s)")
    parser.add_argument("--mnist", type=Path, default=MNIST, help="MNIST's published files (MNIST_DIRECTORY)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="directory for the table and the chart")
    return parser.parse_args()


def installed(implementations: Sequence[Implementation]) -> list[Implementation]:
    """Those whose library is installed."""
    return [implementation for implementation in implementations if find_spec(implementation.library)]


def main() -> None:
    """Measure, print and write."""
    args = arguments()
    title = circumstances(args.threads)
    print(title)
    limit_threads(args.threads)
    cases = [(digits(), OF_FULL_BATCH)]
    if args.mnist.is_dir():
        images = mnist(args.mnist)
        cases = [(images, OF_FULL_BATCH), (in_minibatches(images), OF_MINIBATCHES), *cases]
    else:
        print("MNIST is left out, as its files were not found: set --mnist or MNIST_DIRECTORY")
    for library in ("torch", "jax"):
        if not find_spec(library):
            print(f"{library} is left out, as it is not installed: `pip install {library}`")
    rows = pd.concat(
        table(problem, measure(installed(implementations), problem, args.threads, args.rounds))
        for problem, implementations in cases
    )
    print(rows.to_string(index=False, float_format="{:.3g}".format, na_rep=""))
    print(efficiency(rows))
    write(rows, title, args.output)


if __name__ == "__main__":
    main()
