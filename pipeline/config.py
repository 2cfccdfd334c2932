"""Stage `config`: compose conf/ into params.yaml for the other stages, and check every setting.

    python -m pipeline.config               # what the stage does
    python -m pipeline.config apply         # the other way round: write the settings in params.yaml into conf/
    python -m pipeline.config alpha=0.1     # check what `dvc exp run -S alpha=0.1` would take, and write nothing

It reads conf/ and writes params.yaml.

`dvc exp run -S` composes params.yaml itself, overrides included, before running this stage, which then only checks the
file. `dvc repro` never composes it, so this stage does, byte for byte as DVC would.
"""

import os
import shlex
from argparse import SUPPRESS
from collections.abc import Sequence
from contextlib import suppress

import yaml

from pipeline.console.arguments import parser
from pipeline.console.credentials import without_credentials
from pipeline.console.errors import UserError
from pipeline.files.clone import run_in_a_clone
from pipeline.files.paths import PARAMS, shown, write_whole
from pipeline.settings.adoption import adopt
from pipeline.settings.composition import composed, configuration, settings_in
from pipeline.settings.differences import differences, listed
from pipeline.settings.params import IN_EXPERIMENTS, REMEDY, load
from pipeline.settings.typed import as_typed
from pipeline.settings.validation import validate
from pipeline.settings.yaml_file import refuse_non_files, text_of


def compose() -> None:
    """Write params.yaml if conf/ is valid."""
    text = composed()
    validate(yaml.safe_load(text))
    refuse_non_files(PARAMS, REMEDY)
    replaced = difference_from_conf()
    write_whole(PARAMS, text.encode())
    print(f"composed conf/ into params.yaml{replaced and f', which had {replaced}'}")


def check_params() -> None:
    """Check the params.yaml that DVC wrote. Credentials in it are refused, and removed, since Git tracks the file."""
    text = text_of(PARAMS, REMEDY)
    try:
        load()
    finally:
        if (cleaned := without_credentials(text)) != text:
            write_whole(PARAMS, cleaned.encode())
    asked_for = difference_from_conf()
    print(f"params.yaml is valid, as composed by `dvc exp run`{asked_for and f': {asked_for}'}")


def difference_from_conf() -> str:
    """Where params.yaml differs from conf/, or nothing if that can't be told."""
    with suppress(UserError):
        return listed(differences(load()))
    return ""


def apply() -> None:
    """Write the settings in params.yaml into conf/, and print what changed."""
    for change, file in adopt():
        print(f"{shown(file)}: {change.name} is {as_typed(change.in_params)}, was {as_typed(change.in_conf)}")
    print("conf/ has the settings in params.yaml")


def check(overrides: Sequence[str]) -> None:
    """Print the command that trains with the overrides, if they are valid."""
    settings_in(configuration(overrides))
    options = [word for override in overrides for word in ("-S", override)]
    print(f"valid: `{shlex.join(['dvc', 'exp', 'run', *options])}` trains with it")


def main() -> None:
    """Compose, or check in an experiment; or apply, or check overrides."""
    command = parser("config", __doc__, usage="%(prog)s [apply | SETTING=VALUE ...]")
    command.add_argument("words", nargs="*", help=SUPPRESS)
    words = command.parse_args().words
    if words == ["apply"]:
        apply()
    elif words:
        check(words)
    elif IN_EXPERIMENTS in os.environ and PARAMS.exists():
        check_params()
    else:
        compose()


if __name__ == "__main__":
    run_in_a_clone(main)
