"""A point of a grid and the data to train it on."""

from typing import NamedTuple

from pipeline.files.dataset import Dataset
from pipeline.grid.points import Point


class Job(NamedTuple):
    """A training to run, or one that an earlier sweep has run."""

    point: Point
    dataset: Dataset
    key: str
