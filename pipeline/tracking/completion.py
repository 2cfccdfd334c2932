"""Completing MLflow's store with what runs/, multirun/ and DVC hold."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from pipeline.console.errors import UserError
from pipeline.files.model import load_model
from pipeline.files.paths import MODEL, REPORT
from pipeline.kept.directories import kept_directories
from pipeline.kept.evaluations import kept_with_report
from pipeline.kept.revisions import bring, check_the_workspace, experiments, origin_of
from pipeline.tracking.publisher import close_abandoned_runs, publish, publish_or_warn
from pipeline.tracking.store import Store
from pipeline.tracking.trainings import missing_from

WORKSPACE = "the workspace"


def publish_what_is_kept(store: Store) -> None:
    """Publish every training in runs/ and every sweep in multirun/. Names what can't be published."""
    directories = kept_directories()
    published = sum(publish_or_warn(store, directory) for directory in tqdm(directories, unit="", disable=None))
    close_abandoned_runs(store)  # an unfinished sweep's
    print(f"runs/ and multirun/: MLflow has {published} of {len(directories)} trainings and sweeps")


def publish_what_dvc_has(store: Store) -> None:
    """Publish DVC's experiments, the last commit and the workspace. Names what can't be published."""
    known = experiments()
    for name in (*known, "HEAD", WORKSPACE):
        try:
            publish_revision(store, name, known)
        except UserError as error:
            print(f"not published: {error}")


def publish_revisions(store: Store, names: Sequence[str]) -> None:
    """Publish some commits or experiments. Raises UserError for the first that can't be published."""
    known = experiments()
    for name in names:
        publish_revision(store, name, known)


def publish_revision(store: Store, name: str, known: dict[str, str]) -> None:
    """Publish the workspace, a commit or one of the known experiments, and print what was new."""
    with TemporaryDirectory() as place:
        if name == WORKSPACE:
            check_the_workspace()
            directory, report, origin = MODEL, REPORT, {"dvc_exp_name": ""}
        else:
            origin = origin_of(name, known)
            bring(name, origin["git_commit"], Path(place))
            directory, report = Path(place, "model"), Path(place, "report")
        model = load_model(directory)
        kept = kept_with_report(model, directory, report, origin)
    new = missing_from(store, kept, model)
    run = publish(store, kept)
    print(f"{name}: added {new} to MLflow, run {run}" if new else f"{name}: MLflow has it")
