"""Stage `config`: compose conf/ into params.yaml for the other stages, and check every setting.

It reads conf/ and writes params.yaml.

`dvc exp run -S` composes params.yaml itself, overrides included, before running this stage, which then only checks the
file. `dvc repro` never composes it, so this stage does, byte for byte as DVC would.
"""

import os

import yaml

from pipeline.console.arguments import refuse_arguments
from pipeline.console.credentials import without_credentials
from pipeline.files.clone import run_in_a_clone
from pipeline.files.paths import PARAMS, write_whole
from pipeline.settings.composition import composed
from pipeline.settings.params import REMEDY, load
from pipeline.settings.validation import validate
from pipeline.settings.yaml_file import refuse_non_files, text_of


def check_params() -> None:
    """Check params.yaml. Credentials in it are refused, and removed, since Git tracks the file."""
    text = text_of(PARAMS, REMEDY)
    try:
        load()
    finally:
        if (cleaned := without_credentials(text)) != text:
            write_whole(PARAMS, cleaned.encode())


def main() -> None:
    """Write params.yaml if conf/ is valid; in an experiment, check the file that DVC wrote."""
    refuse_arguments("config", __doc__)
    if "DVC_EXP_NAME" in os.environ and PARAMS.exists():
        check_params()
        print("params.yaml is valid, as composed by `dvc exp run`")
        return
    text = composed()
    validate(yaml.safe_load(text))
    refuse_non_files(PARAMS, REMEDY)
    write_whole(PARAMS, text.encode())
    print("composed conf/ into params.yaml")


if __name__ == "__main__":
    run_in_a_clone(main)
