"""Stage `config`: compose conf/ into params.yaml for the other stages, and check every setting.

`dvc exp run -S` composes params.yaml itself, overrides included, before running this stage, which then only checks the
file. `dvc repro` never composes it, so this stage does, byte for byte as DVC would.
"""

import os

import yaml

from pipeline.console.errors import run
from pipeline.files.paths import PARAMS
from pipeline.settings.composition import composed
from pipeline.settings.params import load
from pipeline.settings.validation import validate


def main() -> None:
    """Write params.yaml if conf/ is valid; in an experiment, check the file that DVC wrote."""
    if "DVC_EXP_NAME" in os.environ and PARAMS.exists():
        load()
        print("params.yaml is valid, as composed by `dvc exp run`")
        return
    text = composed()
    validate(yaml.safe_load(text))
    PARAMS.write_text(text, encoding="utf-8")
    print("composed conf/ into params.yaml")


if __name__ == "__main__":
    run(main)
