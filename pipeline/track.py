"""Complete MLflow's store, reproduce its runs, and crown a champion.

python -m pipeline.track                     publish what is listed in unpublished/, and all that DVC has
python -m pipeline.track rebuild             fill an empty store from runs/, multirun/ and DVC's experiments
python -m pipeline.track publish REV ...     publish commits or DVC experiments
python -m pipeline.track reproduce RUN_ID    list what differs from a run, retrain it, compare the models
python -m pipeline.track champion [RUN_ID]   register a sweep's best network if it beats the champion
"""

from argparse import ArgumentParser, Namespace

from pipeline.console.errors import UserError
from pipeline.files.clone import run_in_a_clone
from pipeline.retraining.reproduction import reproduce
from pipeline.tracking.champion import crown
from pipeline.tracking.completion import publish_revisions, publish_what_dvc_has, publish_what_is_kept
from pipeline.tracking.failures import complaint, failures, is_of_a_file
from pipeline.tracking.publisher import required_store


def complete(arguments: Namespace) -> None:  # noqa: ARG001
    """Publish what DVC has. Opening the store publishes what is listed in unpublished/."""
    publish_what_dvc_has(required_store())


def rebuild(arguments: Namespace) -> None:  # noqa: ARG001
    """Publish everything in runs/ and multirun/, then whatever else DVC has."""
    store = required_store()
    publish_what_is_kept(store)
    publish_what_dvc_has(store)
    print("If the store was empty, its run ids are new, and `python -m pipeline.track champion` makes a new champion.")


def publish_some(arguments: Namespace) -> None:
    """Publish the given revisions."""
    publish_revisions(required_store(), arguments.revisions)


def reproduce_run(arguments: Namespace) -> None:
    """Retrain a run and compare the models."""
    reproduce(required_store(), arguments.run)


def crown_champion(arguments: Namespace) -> None:
    """Register a sweep's best network if it beats the champion."""
    print(crown(required_store(), arguments.run))


def parsed() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(
        "python -m pipeline.track", description="Complete MLflow's store, reproduce its runs, and crown a champion."
    )
    parser.set_defaults(do=complete)
    commands = parser.add_subparsers(title="without a command: publish what is listed, and what DVC has")
    command = commands.add_parser("publish", help="publish commits or DVC experiments")
    command.add_argument("revisions", nargs="+", metavar="REV")
    command.set_defaults(do=publish_some)
    command = commands.add_parser("rebuild", help="fill an empty store from runs/, multirun/ and DVC's experiments")
    command.set_defaults(do=rebuild)
    command = commands.add_parser("reproduce", help="list what differs from a run, retrain it, compare the models")
    command.add_argument("run", metavar="RUN_ID", help="from the run's page in MLflow's UI")
    command.set_defaults(do=reproduce_run)
    command = commands.add_parser("champion", help="register a sweep's best network if it beats the champion")
    command.add_argument("run", nargs="?", metavar="RUN_ID", help="a training or a sweep (default: the newest sweep)")
    command.set_defaults(do=crown_champion)
    return parser.parse_args()


def main() -> None:
    """Run the chosen command."""
    arguments = parsed()
    try:
        arguments.do(arguments)
    except failures() as error:
        if isinstance(error, BrokenPipeError) or is_of_a_file(error):
            raise
        raise UserError(f"{complaint(error)}: run this command again") from None


if __name__ == "__main__":
    run_in_a_clone(main)
