"""Stage `download`: fetch the dataset as IDX files, and check them.

It reads params.yaml and the dataset's source, and writes raw/.
"""

from pipeline.console.arguments import refuse_arguments
from pipeline.datasets.sources import import_dataset
from pipeline.files.clone import run_in_a_clone
from pipeline.files.paths import RAW, replaced
from pipeline.settings.params import for_stage


def main() -> None:
    """Fill raw/ with a complete, checked dataset, or leave it as it was."""
    refuse_arguments("download", __doc__)
    dataset = for_stage().dataset
    with replaced(RAW) as directory:
        counts = import_dataset(dataset, directory)
    print(f"{dataset.name}: {' + '.join(map(str, counts))} images in raw/")


if __name__ == "__main__":
    run_in_a_clone(main)
