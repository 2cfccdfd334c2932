"""A part of the campaign: a kind of fault, and its cases."""

import random
from collections.abc import Callable
from contextlib import ExitStack
from typing import ClassVar, NamedTuple

from tests.faults.place import Place


class Case(NamedTuple):
    """One fault: what it is, and a function that raises AssertionError with what was lost."""

    what: str
    attempt: Callable[[], int | None]  # returns how much it tried, if not one thing


class Part:
    """A kind of fault. Whatever it opens, it enters into `resources`."""

    name: ClassVar[str]
    cases: ClassVar[int]  # in a whole campaign

    def __init__(self, place: Place, resources: ExitStack) -> None:
        self.place = place
        self.resources = resources

    def case(self, number: int, rng: random.Random) -> Case:
        """The case with a number."""
        raise NotImplementedError
