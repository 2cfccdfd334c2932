"""What can be done with the runs in MLflow: `python -m pipeline.track champion [RUN_ID]`."""

from argparse import ArgumentParser

from pipeline.errors import run
from pipeline.tracking.champion import crown
from pipeline.tracking.store import connect


def main() -> None:
    """Do what the command line says."""
    parser = ArgumentParser(prog="python -m pipeline.track", description="Work with the runs in MLflow.")
    commands = parser.add_subparsers(required=True)
    champion = commands.add_parser("champion", help="register the best network of a sweep, if it beats the champion")
    champion.add_argument("run", nargs="?", metavar="RUN_ID", help="a training's, or a sweep's; else the newest sweep")
    print(crown(connect(), parser.parse_args().run))


if __name__ == "__main__":
    run(main)
