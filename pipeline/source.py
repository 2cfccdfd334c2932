"""Stage `source`: link to the file that the dataset comes from, so that DVC sees when its content changes.

It reads params.yaml and writes source/. Only a CSV is linked there: the other datasets never change.
"""

from pipeline.console.arguments import refuse_arguments
from pipeline.datasets.sources import file_of
from pipeline.files.clone import run_in_a_clone
from pipeline.files.paths import SOURCE, replaced
from pipeline.settings.params import for_stage

ABOUT = "DVC watches what is linked here: the CSV, if the dataset is one.\n"  # an empty directory alarms DVC


def main() -> None:
    """Fill source/."""
    refuse_arguments("source", __doc__)
    dataset = for_stage().dataset
    file = file_of(dataset)
    with replaced(SOURCE) as directory:
        (directory / "about.txt").write_text(ABOUT, encoding="utf-8")
        if file:
            (directory / "dataset.csv").symlink_to(file)
    print(f"{dataset.name}: watching {file}" if file else f"{dataset.name}: there is no file to watch")


if __name__ == "__main__":
    run_in_a_clone(main)
