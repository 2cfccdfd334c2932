"""What the commands accept on the command line."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter


def parser(command: str, about: str | None, usage: str | None = None) -> ArgumentParser:
    """A parser for the arguments of a command. Its `--help` prints the docstring of the command's module."""
    return ArgumentParser(
        f"python -m pipeline.{command}", usage, about, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False
    )


def refuse_arguments(stage: str, about: str | None) -> None:
    """Answer `--help`, and refuse anything else: a stage takes its settings from params.yaml."""
    arguments = parser(stage, about)
    _, refused = arguments.parse_known_args()
    if refused:
        arguments.error(
            f"a stage takes no arguments, such as {' '.join(refused)}: "
            "`dvc exp run -S alpha=0.1` sets alpha and runs what depends on it"
        )
