"""A small part of `python -m tests.faults`: some cases of each kind of fault, after which nothing is lost."""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from conftest import Project, copied

from tests.faults.__main__ import PARTS
from tests.faults.full_disks import FULL, NORMALISE, Full
from tests.faults.kills import DOWNLOAD, SCENARIOS
from tests.faults.mirrors import KINDS
from tests.faults.part import Part
from tests.faults.place import Place

# Chosen for their speed.
CASES = [
    ("kills", SCENARIOS.index(DOWNLOAD)),
    ("disks", FULL.index(Full(NORMALISE))),
    ("mirrors", KINDS.index("one_bit_flipped")),
]


@pytest.fixture(scope="module")
def place(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place that has the suite's reproduced project."""
    place = Place(tmp_path_factory.mktemp("faults"))
    copied(template, place.project.root)
    place.keep("reproduced")
    return place


@pytest.fixture(scope="module")
def part(request: pytest.FixtureRequest, place: Place) -> Iterator[Part]:
    """A part of the campaign, by its name."""
    with ExitStack() as resources:
        yield PARTS[request.param](place, resources)


@pytest.mark.parametrize(("part", "number"), CASES, indirect=["part"])
def test_nothing_is_lost(part: Part, number: int) -> None:
    part.case(number, random.Random(number)).attempt()
