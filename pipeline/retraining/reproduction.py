"""Reproduce an MLflow run: list what differs here, retrain it, and compare the models."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.console.errors import UserError
from pipeline.datasets.normalised import Datasets
from pipeline.files.dataset import About, Dataset, load_dataset
from pipeline.files.model import fingerprint, save_model
from pipeline.files.paths import NORMALISED
from pipeline.kept.provenance import provenance
from pipeline.settings.schema import Settings
from pipeline.settings.validation import of_a_model
from pipeline.tracking.store import Store
from pipeline.training.tracked import train_and_show

MAY_DECIDE = ("git_commit", "python", "numpy", "blas", "cpu")  # the last bits, and so the hash


def reproduce(store: Store, run: str) -> None:
    """Print what differs, retrain, and print the model's hash if it is the same. Raises UserError if it is not."""
    known = store.run(run)
    tags = known.data.tags
    if "sweep_key" in tags:
        raise UserError(f"the run {run} is a sweep: name one of its points")
    with TemporaryDirectory() as directory:
        model = store.download_model(known, directory)
    print(f"{tags['mlflow.runName']}: {tags.get('command', 'unknown command')}")
    chosen = of_a_model(model.config, model.about.settings)
    dataset = data_for(chosen, model.about, tags.get("git_commit", "COMMIT"))
    differences = differences_from(tags)
    print("\n".join(differences) or "no known differences from the run")
    sha256 = retrained_sha256(chosen, dataset)
    if sha256 != model.sha256:
        why = "the differences above may explain it" if differences else "there are no known differences to explain it"
        raise UserError(f"the models differ: {sha256} here, {model.sha256} there; {why}")
    print(f"the same model: {sha256}")


def differences_from(tags: dict[str, str]) -> list[str]:
    """A line for each difference between a run and here that could change the result."""
    here = provenance()
    lines = [
        f"{name} was {tags[name]}, is {here.get(name, 'unknown')} here"
        for name in MAY_DECIDE
        if name in tags and tags[name] != here.get(name)
    ]
    if tags.get("git_dirty") == "true":
        lines.append("the run had uncommitted changes: see its artefact provenance/changes.diff")
    if here.get("git_dirty") == "true":
        lines.append("there are uncommitted changes here: see `git diff`")
    return lines


def data_for(chosen: Settings, about: About, commit: str) -> Dataset:
    """The data a run was trained on. If it is not here, raises UserError that says how to restore it."""
    dataset = Datasets(load_dataset(NORMALISED)).for_point(chosen)
    if dataset.about.data_md5 != about.data_md5:
        raise UserError(
            f"the run used {about.name} with md5 {about.data_md5}, but normalised/ was made from md5 "
            f"{dataset.about.data_md5}: run `git checkout {commit} -- data.dvc dvc.lock` and `dvc checkout` to restore "
            "the run's data from DVC's cache"
        )
    return dataset


def retrained_sha256(chosen: Settings, dataset: Dataset) -> str:
    """Train, and return the model's sha256."""
    diagnosed = train_and_show(chosen, dataset, lambda _: None)
    with TemporaryDirectory() as directory:
        save_model(diagnosed, chosen.of_the_model(), dataset, Path(directory))
        return fingerprint(Path(directory))
