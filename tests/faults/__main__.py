"""Break everything that can break, and look whether anything is lost.

python -m tests.faults                              all parts; half an hour on two cores
python -m tests.faults --only kills                 one part
python -m tests.faults --only kills --case 17       one case of it, again
"""

import argparse
import random
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from tests.faults.broken_servers import BrokenServers
from tests.faults.full_disks import FullDisks
from tests.faults.fuzz import Fuzz
from tests.faults.kills import Kills
from tests.faults.load import Load
from tests.faults.mirrors import Mirrors
from tests.faults.part import Part
from tests.faults.place import Place

PARTS: dict[str, type[Part]] = {part.name: part for part in (Kills, FullDisks, Mirrors, BrokenServers, Fuzz, Load)}


@dataclass
class Report:
    """What a part tried, and what was lost."""

    name: str
    tried: int = 0
    lost: list[str] = field(default_factory=list)
    seconds: float = 0.0


def arguments() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="decides moments, sizes and kinds (%(default)s)")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--case", type=int, nargs="+", help="some cases of that part")
    chosen = parser.parse_args()
    if chosen.case is not None and chosen.only is None:
        parser.error("--case needs --only")
    return chosen


def campaign(part: type[Part], place: Place, seed: int, numbers: Iterable[int]) -> Report:
    """Try some cases of a part. Each has random numbers of its own, so that it can be repeated alone."""
    report, started = Report(part.name), time.monotonic()
    with ExitStack() as resources:
        prepared = part(place, resources)
        for number in tqdm(numbers, desc=part.name, unit="case"):
            case = prepared.case(number, random.Random(f"{seed} {part.name} {number}"))
            try:
                report.tried += case.attempt() or 1
            except Exception as error:  # whatever it is, it's not as it should be
                report.tried += 1
                again = f"python -m tests.faults --seed {seed} --only {part.name} --case {number}"
                report.lost.append(
                    f"{case.what}: {error if isinstance(error, AssertionError) else repr(error)}\n    {again}"
                )
                tqdm.write(report.lost[-1])
    report.seconds = time.monotonic() - started
    return report


def main() -> None:
    """Run the campaign, and print what was tried and what was lost."""
    chosen = arguments()
    for number in (signal.SIGINT, signal.SIGHUP):  # children would inherit that nohup or a shell ignores them
        signal.signal(number, signal.default_int_handler)
    with TemporaryDirectory() as directory:
        place = Place(Path(directory))
        reports = [
            campaign(part, place, chosen.seed, chosen.case or range(part.cases))
            for part in PARTS.values()
            if chosen.only in (None, part.name)
        ]
    print(f"{'part':12}{'cases':>8}{'lost':>8}{'minutes':>10}")
    for report in reports:
        print(f"{report.name:12}{report.tried:>8}{len(report.lost):>8}{report.seconds / 60:>10.1f}")
    for report in reports:
        for line in report.lost:
            print(f"{report.name}: {line}")
    sys.exit(any(report.lost for report in reports))


if __name__ == "__main__":
    main()
