"""Save figures as PNG files.

Figures don't use pyplot, which would keep them all in memory and pick a window system.
"""

from pathlib import Path

from matplotlib.figure import Figure

DOTS_PER_INCH = 120


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without matplotlib's version, so that equal figures have equal bytes."""
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
