"""Make MLflow's store complete, and use what it knows.

python -m pipeline.track                     send what waits in unsent/, and publish what DVC has and MLflow has not
python -m pipeline.track publish REV ...     publish a commit or an experiment of DVC
python -m pipeline.track reproduce RUN_ID    say what differs here from a run, train it again, compare the models
python -m pipeline.track champion [RUN_ID]   register the best network of a sweep, if it beats the present champion
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.console.errors import UserError, run
from pipeline.retraining.reproduction import reproduce
from pipeline.tracking.champion import crown
from pipeline.tracking.evaluations import is_published, publish
from pipeline.tracking.revisions import experiments, of_the_revision, of_the_workspace, origin_of
from pipeline.tracking.store import Store, connected, reason, refusals

WORKSPACE = "the workspace"


def publish_all(arguments: Namespace) -> None:  # noqa: ARG001
    """Publish all experiments, the last commit, and the workspace; what can't be is named, and no error."""
    store, known = connected(), experiments()
    for name in (*known, "HEAD", WORKSPACE):
        try:
            publish_one(store, name, known)
        except UserError as error:
            print(f"not published: {error}")
    if refused := refusals():
        print(f"MLflow refused what is in {refused}, perhaps as its run was deleted: see, and delete, these files")


def publish_some(arguments: Namespace) -> None:
    """Publish what is named."""
    store, known = connected(), experiments()
    for name in arguments.revisions:
        publish_one(store, name, known)


def reproduce_run(arguments: Namespace) -> None:
    """Train a run once more."""
    reproduce(connected(), arguments.run)


def crown_champion(arguments: Namespace) -> None:
    """Register the best network of a sweep, if it beats the champion."""
    print(crown(connected(), arguments.run))


def publish_one(store: Store, name: str, known: dict[str, str]) -> None:
    """Publish the workspace, a commit or one of the known experiments, and say so."""
    with TemporaryDirectory() as directory:
        here = name == WORKSPACE
        evaluated = of_the_workspace() if here else of_the_revision(name, Path(directory))
        origin = {"dvc_exp_name": ""} if here else origin_of(name, known)
        if is_published(store, evaluated, origin):
            print(f"{name}: MLflow has it")
        else:
            run, had_it = publish(store, evaluated, origin)
            if store.lost is not None:
                raise UserError(f"{name}: MLflow's server stopped answering; what it lacks is kept in unsent/")
            print(f"{name}: {'its evaluation' if had_it else 'its run'} is new in MLflow, in {run}")


def parsed() -> Namespace:
    """The command line."""
    parser = ArgumentParser(
        "python -m pipeline.track", description="Make MLflow's store complete, and use what it knows."
    )
    parser.set_defaults(do=publish_all)
    commands = parser.add_subparsers(title="without one of these, sends what waits and publishes what DVC has")
    command = commands.add_parser("publish", help="publish the result of commits, or of experiments of DVC")
    command.add_argument("revisions", nargs="+", metavar="REV")
    command.set_defaults(do=publish_some)
    command = commands.add_parser("reproduce", help="say what differs here from a run, and train it once more")
    command.add_argument("run", metavar="RUN_ID")
    command.set_defaults(do=reproduce_run)
    command = commands.add_parser("champion", help="register the best network of a sweep, if it beats the champion")
    command.add_argument("run", nargs="?", metavar="RUN_ID", help="a training's, or a sweep's; else the newest sweep")
    command.set_defaults(do=crown_champion)
    return parser.parse_args()


def main() -> None:
    """Do what the command line says."""
    from mlflow.exceptions import MlflowException

    arguments = parsed()
    try:
        arguments.do(arguments)
    except MlflowException as error:
        raise UserError(f"MLflow's store did not do it ({reason(error)}): start this again") from None


if __name__ == "__main__":
    run(main)
