"""The progress of a sweep."""

from collections.abc import Callable, Sequence
from typing import Self

from tqdm import tqdm

from pipeline.core.training import Record


class Progress:
    """A progress bar with the remaining time, weighted by the work in each stack."""

    def __init__(self, works: Sequence[float], points: int) -> None:
        self.works = works
        self.shares = [0.0] * len(works)  # of each stack's work, finished so far
        layout = "{desc} {percentage:3.0f} %|{bar}| {elapsed}<{remaining}"
        self.bar = tqdm(total=sum(works), desc=f"{points} points", bar_format=layout, disable=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def observer(self, stack: int, longest: int) -> Callable[[int, list[Record]], None]:
        """The observer for a stack whose longest trajectory has `longest` iterations."""
        return lambda iteration, _rows: self.reach(stack, iteration / longest)

    def reach(self, stack: int, share: float) -> None:
        """Record that this share of a stack's work, 0 to 1, is done."""
        self.bar.update(self.works[stack] * (share - self.shares[stack]))
        self.shares[stack] = share
