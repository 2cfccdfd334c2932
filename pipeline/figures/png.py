"""A figure as a file.

Figures are made without pyplot, which would keep a list of them and pick a window system.
"""

from pathlib import Path

from matplotlib.figure import Figure

DOTS_PER_INCH = 120


def save(figure: Figure, path: Path) -> None:
    """Write a PNG; without the writer's version in it, so that the same figure has the same bytes."""
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
