"""What DVC has is published once, a run is trained again, and what a run says of where it comes from is true."""

import platform
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import Project

from pipeline.errors import UserError
from pipeline.files.model import load_model
from pipeline.reproduction import data_for, reproduce
from pipeline.revisions import of_the_revision, of_the_workspace
from pipeline.settings import of_a_model
from pipeline.tracking.store import connect

TRACK = ("python", "-m", "pipeline.track")


def test_a_store_that_has_nothing_gets_all_that_dvc_has(reproduced: Project) -> None:
    reproduced.ok("dvc", "exp", "run", "-S", "alpha=0.2", "-S", "iterations=40", "-n", "forty")
    known = {run.data.tags["model_sha256"]: run for run in reproduced.tracked_runs()}
    elsewhere = {"MLFLOW_TRACKING_URI": "sqlite:///elsewhere.db"}
    printed = reproduced.ok(*TRACK, **elsewhere)
    assert "forty: its run is new in MLflow" in printed
    assert "HEAD: its run is new in MLflow" in printed
    assert "the workspace: MLflow has it" in printed  # as it holds what the experiment made

    published = reproduced.tracked_runs(store="elsewhere.db")
    assert len(published) == 2
    client = reproduced.store("elsewhere.db")
    for run in published:
        original = known[run.data.tags["model_sha256"]]
        assert run.info.status == "FINISHED"
        assert run.data.tags["filled_in"] == "true"
        assert run.data.params == original.data.params
        assert run.data.metrics == pytest.approx(original.data.metrics)
        assert client.list_artifacts(run.info.run_id, "report")
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "loss")]
        assert len(steps) == len(set(steps)) > 40

    origins = {run.data.params["alpha"]: run.data.tags for run in published}
    assert origins["0.2"]["dvc_exp_name"] == "forty"
    of_experiments = reproduced.ok("git", "for-each-ref", "--format=%(objectname)", "refs/exps").split()
    assert origins["0.2"]["git_commit"] in of_experiments
    assert origins["0.5"]["dvc_exp_name"] == ""
    assert origins["0.5"]["git_commit"] == reproduced.ok("git", "rev-parse", "HEAD").strip()

    printed = reproduced.ok(*TRACK, **elsewhere)
    assert printed.count("MLflow has it") == 3
    assert len(reproduced.tracked_runs(store="elsewhere.db")) == 2


def test_what_can_not_be_published_is_named(
    reproduced: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.revisions.CHECKOUT", reproduced.root)
    monkeypatch.chdir(reproduced.root)
    with pytest.raises(UserError, match="nosuch is neither a commit nor one of DVC's experiments"):
        of_the_revision("nosuch", tmp_path)
    (reproduced.root / "model").rename(tmp_path / "model")
    try:
        with pytest.raises(UserError, match="model/ and report/ are not what one `dvc repro` made"):
            of_the_workspace()
    finally:
        (tmp_path / "model").rename(reproduced.root / "model")


def test_a_run_trained_again_is_the_same_model(reproduced: Project) -> None:
    [run] = reproduced.tracked_runs("tags.dvc_exp_name = 'forty'")
    before = len(reproduced.tracked_runs())
    printed = reproduced.ok(*TRACK, "reproduce", run.info.run_id)
    assert "he α=0.2 · 40: dvc exp run -S alpha=0.2 -S iterations=40 -n forty" in printed
    assert f"the same model: {run.data.tags['model_sha256']}" in printed
    assert len(reproduced.tracked_runs()) == before


def test_a_difference_from_the_run_is_named(reproduced: Project) -> None:
    [run] = reproduced.tracked_runs("tags.dvc_exp_name = 'forty'")
    client = reproduced.store()
    kept = {name: run.data.tags[name] for name in ("numpy", "git_commit")}
    client.set_tag(run.info.run_id, "numpy", "1.0")
    client.set_tag(run.info.run_id, "git_commit", "0000000")
    code = "pipeline/core/initialisation.py"
    original = reproduced.read(code)
    reproduced.write(code, original.replace("(2 /", "(3 /"))
    assert reproduced.read(code) != original
    try:
        printed = reproduced.fails(*TRACK, "reproduce", run.info.run_id)
    finally:
        reproduced.write(code, original)
        for name, value in kept.items():
            client.set_tag(run.info.run_id, name, value)
    assert f"numpy was 1.0, here it is {np.__version__}" in printed
    assert f"git_commit was 0000000, here it is {kept['git_commit']}" in printed
    assert "here, something has changed since the commit" in printed
    assert "the model is another one" in printed


def test_a_run_whose_data_is_not_here_says_how_to_bring_it(
    reproduced: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.reproduction.NORMALISED", reproduced.root / "normalised")
    model = load_model(reproduced.root / "model")
    chosen = of_a_model(model.config, model.about.settings)
    with pytest.raises(UserError, match="`git checkout 123 -- data"):
        data_for(chosen, replace(model.about, data_md5="0000.dir"), "123")


def test_what_has_no_model_can_not_be_trained_again(reproduced: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(reproduced.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = connect()
    empty = store.create_run("empty", {})
    with pytest.raises(UserError, match=f"MLflow's run {empty} has no artefact model"):
        reproduce(store, empty)
    store.delete(empty)


def test_a_run_tells_where_it_comes_from(reproduced: Project) -> None:
    head = reproduced.ok("git", "rev-parse", "HEAD").strip()
    reproduced.write("conf/experiment/mine.yaml", "# @package _global_\nalpha: 0.21\n")
    reproduced.edit("LICENSE", "MIT License", "My License")
    (reproduced.root / "LICENSE").rename(reproduced.root / "LIZENZ")
    (reproduced.root / "large.csv").write_bytes(b"1,2,3\n" * 100_000)
    (reproduced.root / "binary.dat").write_bytes(bytes(range(256)))
    (reproduced.root / "latin-1.txt").write_bytes("Größe\n".encode("latin-1"))
    (reproduced.root / ":odd.py").write_text("odd = True\n")
    (reproduced.root / "dangling").symlink_to("nowhere")
    reproduced.write("staged.py", "staged = True\n")
    reproduced.ok("git", "add", "staged.py")
    reproduced.ok("git", "config", "color.ui", "always")
    reproduced.ok("git", "config", "diff.noprefix", "true")
    reproduced.write("conf/mine.txt", "http://somebody:s3cret@localhost/")
    reproduced.ok("dvc", "repro", "--force", "--single-item", "train")
    [*_, run] = reproduced.tracked_runs()
    tags = run.data.tags
    assert tags["git_commit"] == head
    assert tags["git_dirty"] == "true"
    assert tags["data_md5"] == yaml.safe_load(reproduced.read("data.dvc"))["outs"][0]["md5"]
    assert tags["command"] == "dvc repro --force --single-item train"
    assert tags["dvc_exp_name"] == ""
    assert tags["python"] == platform.python_version()
    assert tags["numpy"] == np.__version__
    assert tags["blas"].startswith("openblas")
    assert tags["cpu"]

    client = reproduced.store()
    packages = Path(client.download_artifacts(run.info.run_id, "provenance/packages.txt")).read_text().splitlines()
    assert f"mlflow=={version('mlflow')}" in packages
    diff = Path(client.download_artifacts(run.info.run_id, "provenance/changes.diff")).read_bytes()
    assert b"large.csv" in diff
    assert b"1,2,3" not in diff
    assert b"s3cret" not in diff


def test_the_changes_can_be_applied_to_the_commit(reproduced: Project, tmp_path: Path) -> None:
    [*_, run] = reproduced.tracked_runs()
    diff = reproduced.store().download_artifacts(run.info.run_id, "provenance/changes.diff")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(reproduced.root), str(clone)], check=True)
    subprocess.run(["git", "apply", diff], cwd=clone, check=True)
    for name in ("conf/experiment/mine.yaml", "LIZENZ", "binary.dat", "latin-1.txt", ":odd.py", "staged.py"):
        assert (clone / name).read_bytes() == (reproduced.root / name).read_bytes()
    assert not (clone / "LICENSE").exists()
