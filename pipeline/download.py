"""Stage `download`: bring the dataset to raw/, as IDX files whose content has been checked."""

from pipeline.console.errors import run
from pipeline.datasets.sources import bring
from pipeline.files.paths import RAW, replaced
from pipeline.settings.params import load


def main() -> None:
    """Fill raw/ with a whole, checked dataset, or not at all."""
    dataset = load().dataset
    with replaced(RAW) as directory:
        counts = bring(dataset, directory)
    print(f"{dataset.name}: {' + '.join(map(str, counts))} images in raw/")


if __name__ == "__main__":
    run(main)
