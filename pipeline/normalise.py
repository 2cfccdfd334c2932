"""Stage `normalise`: split data/ into its parts, and fit the normalisation to the part that trains."""

import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline import settings
from pipeline.core.normalisation import METHODS, Affine
from pipeline.core.split import split
from pipeline.errors import UserError, run
from pipeline.files.dataset import About, Dataset, Part, save_dataset
from pipeline.files.images import Images, read_images
from pipeline.files.paths import DATA, DATA_POINTER, NORMALISED, replaced


def rows(images: Images, chosen: NDArray[np.intp] | slice) -> Part:
    """The chosen images, their pixels in rows (n, d)."""
    return Part(images.pixels[chosen].reshape(-1, images.pixels[0].size), images.labels[chosen])


def divide(images: Images, published_test: Images | None) -> dict[str, Part]:
    """The images of each part. Raises UserError where one would be empty."""
    indices = split(images.labels, has_published_test=published_test is not None)
    parts = {name: rows(images, chosen) for name, chosen in indices.items()}
    if published_test is not None:
        parts["test"] = rows(published_test, slice(None))
    for name, part in parts.items():
        if len(part.labels) == 0:
            raise UserError(
                f"no image is left for {name} of the {len(images.labels)} in data/: "
                "of every ten images of a class one validates and one tests, so a class needs at least ten"
            )
    return parts


def fit(method: str, part: Part) -> Affine:
    """The normalisation's map, fitted to the pixels of a part."""
    try:
        return METHODS[method](part.pixels)
    except ValueError as error:
        raise UserError(f"normalise={method} can't be: {error}") from None


def main() -> None:
    """Write normalised/."""
    chosen = settings.load()
    images = read_images(DATA, "train")
    if images is None:
        raise UserError("data/ has no images: `dvc repro data.dvc` brings them")
    parts = divide(images, read_images(DATA, "t10k"))
    about = About(
        settings=chosen.of_the_data(),
        data_md5=yaml.safe_load(DATA_POINTER.read_text())["outs"][0]["md5"],
        image_shape=(images.pixels.shape[1], images.pixels.shape[2]),
        classes=1 + max(int(part.labels.max()) for part in parts.values()),
    )
    with replaced(NORMALISED) as directory:
        save_dataset(Dataset(parts, fit(chosen.normalise, parts["train"]), about), directory)
    counts = ", ".join(f"{len(part.labels)} to {name}" for name, part in parts.items())
    print(f"{about.name}, normalise={chosen.normalise}: {counts}, in normalised/")


if __name__ == "__main__":
    run(main)
