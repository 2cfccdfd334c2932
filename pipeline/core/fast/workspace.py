"""Memory that is reused instead of reallocated."""

from math import prod
from threading import local

import numpy as np

from pipeline.core.arrays import Array


class Workspace(local):
    """Named scratch arrays, reused from block to block. Each thread has its own."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.buffers: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int, dtype: str | None = None) -> Array:
        """An uninitialised array of this shape, in the memory of the last one with this name."""
        size = prod(shape)
        if name not in self.buffers or self.buffers[name].size < size:
            self.buffers[name] = np.empty(size, dtype or self.dtype)
        return self.buffers[name][:size].reshape(shape)
