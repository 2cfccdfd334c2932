"""Write the settings in params.yaml into conf/."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from pipeline.console.errors import UserError
from pipeline.files.paths import CONF, write_whole
from pipeline.settings.composition import configuration, settings_in
from pipeline.settings.differences import Difference, differences, listed
from pipeline.settings.params import load
from pipeline.settings.schema import Settings
from pipeline.settings.yaml_edit import with_value


def adopt() -> list[tuple[Difference, Path]]:
    """Let conf/ compose to the settings in params.yaml. Returns each change and the file it was made in.

    Raises UserError, and writes nothing, if changing values is not enough for that.
    """
    chosen = load()
    changes = differences(chosen)
    files = [file_of(change, chosen) for change in changes]
    texts = {file: file.read_bytes().decode() for file in files}
    try:
        for change, file in zip(changes, files, strict=True):
            texts[file] = with_value(texts[file], names_of(change), change.in_params)
        check(texts, chosen)
    except (KeyError, UserError, yaml.YAMLError):  # the last if a value was an anchor for others
        raise UserError(
            f"changing values in conf/ can't give {listed(changes)}: edit conf/ by hand, then run `dvc repro`"
        ) from None
    for file, text in texts.items():
        write_whole(file, text.encode())
    return list(zip(changes, files, strict=True))


def file_of(change: Difference, chosen: Settings) -> Path:
    """The file that sets a setting."""
    return CONF / (f"dataset/{chosen.dataset.name}.yaml" if "." in change.name else "config.yaml")


def names_of(change: Difference) -> list[str]:
    """The names under which a setting stands in its file."""
    names = change.name.split(".")
    return names[1:] or (["defaults", "dataset"] if names == ["dataset"] else names)


def check(texts: dict[Path, str], chosen: Settings) -> None:
    """Raise UserError unless conf/ with these texts composes to the chosen settings."""
    with TemporaryDirectory() as directory:
        conf = Path(directory, "conf")
        shutil.copytree(CONF, conf, ignore=shutil.ignore_patterns(".*"))
        for file, text in texts.items():
            (conf / file.relative_to(CONF)).write_bytes(text.encode())
        if settings_in(configuration(conf=conf)) != chosen:
            raise UserError("conf/ composes to other settings")
