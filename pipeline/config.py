"""Stage `config`: compose conf/ into params.yaml for the other stages, and check every setting.

`dvc exp run -S` composes params.yaml itself, overrides included, before running this stage, which then only checks the
file. `dvc repro` never composes it, so this stage does, byte for byte as DVC would.
"""

import os

import yaml

from pipeline.console.credentials import without_credentials
from pipeline.console.errors import run
from pipeline.files.paths import PARAMS, write_whole
from pipeline.settings.composition import composed
from pipeline.settings.params import load
from pipeline.settings.validation import validate


def check_params() -> None:
    """Check params.yaml. Credentials in it are refused, and removed, since Git tracks the file."""
    text = PARAMS.read_text(encoding="utf-8")
    try:
        load()
    finally:
        if (cleaned := without_credentials(text)) != text:
            write_whole(PARAMS, cleaned.encode())


def main() -> None:
    """Write params.yaml if conf/ is valid; in an experiment, check the file that DVC wrote."""
    if "DVC_EXP_NAME" in os.environ and PARAMS.exists():
        check_params()
        print("params.yaml is valid, as composed by `dvc exp run`")
        return
    text = composed()
    validate(yaml.safe_load(text))
    write_whole(PARAMS, text.encode())
    print("composed conf/ into params.yaml")


if __name__ == "__main__":
    run(main)
