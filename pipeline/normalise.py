"""Stage `normalise`: split the images into parts, and fit the normalisation to the training part.

It reads params.yaml, data/ and data.dvc, and writes normalised/.
"""

from pathlib import Path

import yaml
from pydantic import TypeAdapter

from pipeline.console.arguments import refuse_arguments
from pipeline.console.errors import UserError
from pipeline.datasets.parts import divide, fitted
from pipeline.files.clone import run_in_a_clone
from pipeline.files.damage import reading
from pipeline.files.dataset import About, Dataset, save_dataset
from pipeline.files.images import read_images
from pipeline.files.paths import DATA, DATA_POINTER, NORMALISED, replaced
from pipeline.settings.params import for_stage


def main() -> None:
    """Write normalised/."""
    refuse_arguments("normalise", __doc__)
    chosen = for_stage()
    images = read_images(DATA, "train")
    if images is None:
        raise UserError("data/ has no images: run `dvc repro data.dvc` to import them")
    parts = divide(images, read_images(DATA, "t10k"))
    about = About(
        settings=chosen.of_the_data(),
        data_md5=md5_in(DATA_POINTER),
        image_shape=(images.pixels.shape[1], images.pixels.shape[2]),
        classes=1 + max(int(part.labels.max()) for part in parts.values()),
    )
    with replaced(NORMALISED) as directory:
        save_dataset(Dataset(parts, fitted(chosen.normalise, parts["train"]), about), directory)
    counts = ", ".join(f"{len(part.labels)} {name}" for name, part in parts.items())
    print(f"{about.name}, normalise={chosen.normalise}: {counts} images in normalised/")


def md5_in(pointer: Path) -> str:
    """The checksum of data/ that DVC wrote to data.dvc. Raises UserError if it is not there."""
    with reading(pointer, "run `git checkout data.dvc`, then `dvc repro`"):
        return TypeAdapter(str).validate_python(yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]["md5"])


if __name__ == "__main__":
    run_in_a_clone(main)
