"""A small dataset in MNIST's four files, as a mirror would have it."""

import gzip
import hashlib
from collections.abc import Sequence

import numpy as np
import yaml

from tests.conftest import Project

NAMES = {
    f"{part}_{kind}": f"{part}-{kind}-idx{dimensions}-ubyte.gz"
    for part in ("train", "t10k")
    for kind, dimensions in (("images", 3), ("labels", 1))
}
COUNTS = {"train": 200, "t10k": 50}


def published_files() -> dict[str, bytes]:
    """The four files by their names: ten classes, each with its own bright column."""
    files = {}
    for part, count in COUNTS.items():
        labels = np.arange(count, dtype=np.uint8) % 10
        pixels = np.zeros((count, 28, 28), np.uint8)
        pixels[np.arange(count), :, 2 * labels] = 255
        for kind, values in (("images", pixels), ("labels", labels)):
            header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
            files[NAMES[f"{part}_{kind}"]] = gzip.compress(header + values.tobytes(), mtime=0)
    return files


def choose(project: Project, files: dict[str, bytes], mirrors: Sequence[str]) -> None:
    """Let params.yaml ask for these files, from some mirrors, by their sizes and checksums."""
    params = yaml.safe_load(project.read("params.yaml"))
    params["dataset"] = {
        "kind": "idx",
        "name": "mnist",
        "source": None,
        "mirrors": [*mirrors],
        "min_kilobytes_per_second": 10,
        "bytes": {key: len(files[name]) for key, name in NAMES.items()},
        "sha256": {key: hashlib.sha256(files[name]).hexdigest() for key, name in NAMES.items()},
    }
    project.write("params.yaml", yaml.safe_dump(params))
