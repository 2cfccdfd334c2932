"""Making MLflow's store complete: with what is kept in runs/ and multirun/, and with what DVC has."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from pipeline.console.errors import UserError
from pipeline.files.model import load_model
from pipeline.files.paths import MODEL, REPORT
from pipeline.tracking.evaluations import kept_with_report
from pipeline.tracking.kept import kept_directories
from pipeline.tracking.processes import close_abandoned_runs
from pipeline.tracking.publish import publish
from pipeline.tracking.revisions import bring, check_the_workspace, experiments, origin_of
from pipeline.tracking.store import Store
from pipeline.tracking.trainings import lacking

WORKSPACE = "the workspace"


def publish_what_is_kept(store: Store) -> None:
    """Publish every training in runs/, and every sweep in multirun/ with its points; what can't be is named."""
    directories = kept_directories()
    published = [directory for directory in tqdm(directories, unit="", disable=None) if is_published(store, directory)]
    close_abandoned_runs(store)  # of sweeps that were never finished
    print(f"runs/ and multirun/: MLflow has {len(published)} of {len(directories)} trainings and sweeps")


def is_published(store: Store, directory: Path) -> bool:
    """Publish a directory; whether that was possible."""
    try:
        publish(store, directory)
    except UserError as error:
        print(f"not published: {error}")
        return False
    return True


def publish_what_dvc_has(store: Store) -> None:
    """Publish all experiments, the last commit, and the workspace; what can't be is named, and no error."""
    known = experiments()
    for name in (*known, "HEAD", WORKSPACE):
        try:
            publish_revision(store, name, known)
        except UserError as error:
            print(f"not published: {error}")


def publish_revisions(store: Store, names: Sequence[str]) -> None:
    """Publish commits or experiments. Raises UserError for the first that can't be."""
    known = experiments()
    for name in names:
        publish_revision(store, name, known)


def publish_revision(store: Store, name: str, known: dict[str, str]) -> None:
    """Publish the workspace, a commit or one of the known experiments, and say so."""
    with TemporaryDirectory() as place:
        if name == WORKSPACE:
            check_the_workspace()
            directory, report, origin = MODEL, REPORT, {"dvc_exp_name": ""}
        else:
            bring(name, Path(place))
            directory, report, origin = Path(place, "model"), Path(place, "report"), origin_of(name, known)
        kept = kept_with_report(load_model(directory), directory, report, origin)
    new = lacking(store, kept)
    run = publish(store, kept)
    print(f"{name}: {new} is new in MLflow, in {run}" if new else f"{name}: MLflow has it")
