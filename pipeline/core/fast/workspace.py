"""Memory that is used again and again, instead of asked for anew."""

from math import prod
from threading import local

import numpy as np

from pipeline.core.arrays import Array


class Workspace(local):
    """Arrays to be overwritten. They go from block to block, but not from thread to thread: each has its own."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.buffers: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int, dtype: str | None = None) -> Array:
        """An array of this shape with whatever was left in it; its memory is that of the last one of this name."""
        size = prod(shape)
        if name not in self.buffers or self.buffers[name].size < size:
            self.buffers[name] = np.empty(size, dtype or self.dtype)
        return self.buffers[name][:size].reshape(shape)
