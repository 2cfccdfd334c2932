"""How far a sweep is."""

from collections.abc import Callable, Sequence
from typing import Self

from tqdm import tqdm

from pipeline.core.training import Record


class Progress:
    """A bar with the time that remains, by the work that is done of stacks that have more or less of it."""

    def __init__(self, works: Sequence[float], points: int) -> None:
        self.works = works
        self.shares = [0.0] * len(works)  # of each stack's work, that are done
        layout = "{desc} {percentage:3.0f} %|{bar}| {elapsed}<{remaining}"
        self.bar = tqdm(total=sum(works), desc=f"{points} points", bar_format=layout, disable=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def observer(self, stack: int, longest: int) -> Callable[[int, list[Record]], None]:
        """What observes the training of a stack whose longest trajectory has so many iterations."""
        return lambda iteration, _rows: self.reach(stack, iteration / longest)

    def reach(self, stack: int, share: float) -> None:
        """So much of a stack's work is done; 1 is all."""
        self.bar.update(self.works[stack] * (share - self.shares[stack]))
        self.shares[stack] = share
