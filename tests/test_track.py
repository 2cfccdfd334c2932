"""DVC's results are published once, a run can be reproduced, and its provenance is recorded correctly."""

import platform
import re
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import Project

from pipeline.console.errors import UserError
from pipeline.files.model import load_model
from pipeline.kept.revisions import check_the_workspace, origin_of
from pipeline.retraining.reproduction import data_for, reproduce
from pipeline.settings.validation import of_a_model
from pipeline.tracking.publisher import required_store

TRACK = ("python", "-m", "pipeline.track")
SECRET_FILES = (".env", "id_rsa", "mlflow_credentials.json", "conf/.netrc", "notes.txt")


def test_an_empty_store_gets_everything_dvc_has(tried: Project) -> None:
    known = {run.data.tags["model_sha256"]: run for run in tried.tracked_runs()}
    elsewhere = {"MLFLOW_TRACKING_URI": "sqlite:///elsewhere.db"}
    printed = tried.ok(*TRACK, **elsewhere)
    assert "tried: added its run to MLflow" in printed
    assert "HEAD: added its run to MLflow" in printed
    assert "the workspace: MLflow has it" in printed  # it holds the experiment's results

    published = tried.tracked_runs(store="elsewhere.db")
    assert len(published) == 2
    client = tried.store("elsewhere.db")
    for run in published:
        original = known[run.data.tags["model_sha256"]]
        assert run.info.status == "FINISHED"
        assert run.data.params == original.data.params
        assert run.data.metrics == original.data.metrics
        for tag in ("kept_id", "dvc_exp_name", "command", "git_commit"):
            assert run.data.tags[tag] == original.data.tags[tag]
        assert client.list_artifacts(run.info.run_id, "report")
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "loss")]
        assert len(steps) == len(set(steps)) > 40

    printed = tried.ok(*TRACK, **elsewhere)
    assert printed.count("MLflow has it") == 3
    assert len(tried.tracked_runs(store="elsewhere.db")) == 2


@pytest.mark.parametrize("name", ["nosuch", "", " ", "-x", "a..b", "HEAD^{tree}", "HEAD:conf", "HEAD nosuch"])
def test_what_is_no_revision_is_refused(tried: Project, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("pipeline.kept.provenance.CHECKOUT", tried.root)
    with pytest.raises(UserError, match=f"^{re.escape(repr(name))} is neither a commit nor one of DVC's experiments"):
        origin_of(name, {"tried": "1234"})


def test_a_mixed_workspace_is_refused(tried: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.kept.revisions.CHECKOUT", tried.root)
    monkeypatch.chdir(tried.root)
    (tried.root / "model").rename(tmp_path / "model")
    try:
        with pytest.raises(UserError, match="model/ and report/ are missing or don't belong together"):
            check_the_workspace()
    finally:
        (tmp_path / "model").rename(tried.root / "model")


def test_reproducing_a_run_on_another_processor_gives_the_same_model(tried: Project) -> None:
    [run] = tried.tracked_runs("tags.dvc_exp_name = 'tried'")
    before = len(tried.tracked_runs())
    printed = tried.ok(*TRACK, "reproduce", run.info.run_id, OPENBLAS_CORETYPE="Nehalem")
    assert "Nehalem" in printed  # reported as a difference
    assert "xavier α=0.4 · 40: dvc exp run -n tried -S alpha=0.4 -S init=xavier -S iterations=40" in printed
    assert f"the same model: {run.data.tags['model_sha256']}" in printed
    assert len(tried.tracked_runs()) == before


def test_reproduce_names_each_difference_from_the_run(tried: Project) -> None:
    [run] = tried.tracked_runs("tags.dvc_exp_name = 'tried'")
    client = tried.store()
    kept = {name: run.data.tags[name] for name in ("numpy", "git_commit")}
    client.set_tag(run.info.run_id, "numpy", "1.0")
    client.set_tag(run.info.run_id, "git_commit", "0000000")
    code = "pipeline/core/initialisation.py"
    original = tried.read(code)
    tried.write(code, original.replace("(6 /", "(7 /"))
    assert tried.read(code) != original
    try:
        printed = tried.fails(*TRACK, "reproduce", run.info.run_id)
    finally:
        tried.write(code, original)
        for name, value in kept.items():
            client.set_tag(run.info.run_id, name, value)
    assert f"numpy was 1.0, is {np.__version__} here" in printed
    assert f"git_commit was 0000000, is {kept['git_commit']} here" in printed
    assert "there are uncommitted changes here" in printed
    assert "the models differ" in printed


def test_missing_data_is_reported_with_the_command_that_fetches_it(
    tried: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.retraining.reproduction.NORMALISED", tried.root / "normalised")
    model = load_model(tried.root / "model")
    chosen = of_a_model(model.config, model.about.settings)
    with pytest.raises(UserError, match="`git checkout 123 -- data"):
        data_for(chosen, replace(model.about, data_md5="0000.dir"), "123")


def test_a_run_without_a_model_cannot_be_reproduced(tried: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tried.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = required_store()
    empty = store.create("empty", {}, 1000.0)
    with pytest.raises(UserError, match=f"MLflow's run {empty} has no artefact model"):
        reproduce(store, empty)
    store.delete(empty)


def test_a_run_records_its_provenance(tried: Project) -> None:
    head = tried.ok("git", "rev-parse", "HEAD").strip()
    tried.write("conf/experiment/mine.yaml", "# @package _global_\nalpha: 0.21\n")
    tried.edit("LICENSE", "MIT License", "My License")
    (tried.root / "LICENSE").rename(tried.root / "LIZENZ.md")
    (tried.root / "large.csv").write_bytes(b"1,2,3\n" * 100_000)
    (tried.root / "tests/binary.dat").write_bytes(bytes(range(256)))
    (tried.root / "docs/latin-1.txt").write_bytes("Größe\n".encode("latin-1"))
    (tried.root / ":odd.py").write_text("odd = True\n")
    (tried.root / "conf/dangling").symlink_to("nowhere")
    tried.write("staged.py", "staged = True\n")
    tried.ok("git", "add", "staged.py")
    tried.ok("git", "config", "color.ui", "always")
    tried.ok("git", "config", "diff.noprefix", "true")
    tried.write("conf/mine.txt", "http://somebody:s3cret@localhost/")
    for name in SECRET_FILES:
        tried.write(name, "s3cret")
    tried.write("conf/mine.yaml", "api_token: s3cret123456")
    tried.ok("dvc", "repro", "--force", "--single-item", "train")
    [*_, run] = tried.tracked_runs()
    tags = run.data.tags
    assert tags["git_commit"] == head
    assert tags["git_dirty"] == "true"
    assert tags["data_md5"] == yaml.safe_load(tried.read("data.dvc"))["outs"][0]["md5"]
    assert tags["command"] == "dvc repro --force --single-item train"
    assert tags["dvc_exp_name"] == ""
    assert tags["python"] == platform.python_version()
    assert tags["numpy"] == np.__version__
    assert tags["blas"].startswith("openblas")
    assert tags["cpu"]

    client = tried.store()
    packages = Path(client.download_artifacts(run.info.run_id, "provenance/packages.txt")).read_text().splitlines()
    assert f"mlflow=={version('mlflow')}" in packages
    diff = Path(client.download_artifacts(run.info.run_id, "provenance/changes.diff")).read_bytes()
    assert b"large.csv" in diff
    assert b"1,2,3" not in diff
    assert b"s3cret" not in diff
    for name in SECRET_FILES:
        assert f"# new, not shown: {name}\n".encode() in diff


def test_the_recorded_diff_applies_to_the_commit(tried: Project, tmp_path: Path) -> None:
    [*_, run] = tried.tracked_runs()
    diff = tried.store().download_artifacts(run.info.run_id, "provenance/changes.diff")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(tried.root), str(clone)], check=True)
    subprocess.run(["git", "apply", diff], cwd=clone, check=True)
    for name in (
        "conf/experiment/mine.yaml",
        "LIZENZ.md",
        "tests/binary.dat",
        "docs/latin-1.txt",
        ":odd.py",
        "staged.py",
    ):
        assert (clone / name).read_bytes() == (tried.root / name).read_bytes()
    assert not (clone / "LICENSE").exists()
