"""Split a dataset into its parts, and fit a normalisation."""

import numpy as np
from numpy.typing import NDArray

from pipeline.console.errors import UserError
from pipeline.core.normalisation import METHODS, Affine
from pipeline.core.split import split
from pipeline.files.dataset import Part
from pipeline.files.images import Images


def rows(images: Images, chosen: NDArray[np.intp] | slice) -> Part:
    """The chosen images, with pixels (n, d)."""
    return Part(images.pixels[chosen].reshape(-1, images.pixels[0].size), images.labels[chosen])


def divide(images: Images, published_test: Images | None) -> dict[str, Part]:
    """The images of each part. Raises UserError if a part would be empty."""
    indices = split(images.labels, has_published_test=published_test is not None)
    parts = {name: rows(images, chosen) for name, chosen in indices.items()}
    if published_test is not None:
        parts["test"] = rows(published_test, slice(None))
    for name, part in parts.items():
        if len(part.labels) == 0:
            raise UserError(
                f"the {len(images.labels)} images in data/ leave none for {name}: each class needs at least ten, of "
                "which one is for validation and one for testing"
            )
    return parts


def fitted(method: str, part: Part) -> Affine:
    """The normalisation, fitted to the pixels of a part. Raises UserError if it can't be."""
    try:
        return METHODS[method](part.pixels)
    except ValueError as error:
        raise UserError(f"normalise={method} does not work for these images: {error}") from None
