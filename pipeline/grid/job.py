"""A point of a grid with all that it takes to train it."""

from typing import NamedTuple

from pipeline.files.dataset import Dataset
from pipeline.grid.points import Point


class Job(NamedTuple):
    """A training to be done, or that was done before."""

    point: Point
    dataset: Dataset
    key: str
