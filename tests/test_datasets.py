"""Datasets from their source to a trained network: real MNIST, a small IDX dataset of our own, and a CSV."""

import gzip
import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CHECKOUT, MNIST, Project, needs_mnist, served
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from plain import PLAIN
from servers import free_port

from pipeline.console.errors import UserError
from pipeline.datasets import fetch, normalised
from pipeline.datasets.sources import import_dataset
from pipeline.files.idx import write_idx
from pipeline.normalise import md5_in
from pipeline.settings.composition import configuration, settings_in
from pipeline.settings.validation import of_a_model

FILES = {
    "train_images": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "t10k_images": "t10k-images-idx3-ubyte.gz",
    "t10k_labels": "t10k-labels-idx1-ubyte.gz",
}
DOWNLOAD = ("python", "-m", "pipeline.download")


def write_small_mnist(directory: Path) -> None:
    """Write ten classes, each with its own bright column, to MNIST's four files."""
    directory.mkdir()
    for part, count in (("train", 200), ("t10k", 50)):
        labels = np.arange(count, dtype=np.uint8) % 10
        pixels = np.random.default_rng(0).integers(0, 50, (count, 28, 28), dtype=np.uint8)
        pixels[np.arange(count), :, 2 * labels] = 255
        for name, values in ((f"{part}-images-idx3-ubyte", pixels), (f"{part}-labels-idx1-ubyte", labels)):
            write_idx(directory / name, values)
            (directory / f"{name}.gz").write_bytes(gzip.compress((directory / name).read_bytes()))
            (directory / name).unlink()


def pinned(directory: Path) -> list[str]:
    """The overrides that pin the sizes and checksums of the files in a directory."""
    files = {key: (directory / name).read_bytes() for key, name in FILES.items()}
    return [
        *(f"dataset.bytes.{key}={len(content)}" for key, content in files.items()),
        *(f"dataset.sha256.{key}='{hashlib.sha256(content).hexdigest()}'" for key, content in files.items()),
    ]


def mirrors(*urls: str) -> str:
    return f"dataset.mirrors=[{','.join(repr(url) for url in urls)}]"


def experiment(*overrides: str) -> list[str]:
    """The command that runs the pipeline with overrides."""
    return ["dvc", "exp", "run", *(word for override in overrides for word in ("-S", override))]


def compose_for_a_stage(project: Project, *overrides: str) -> None:
    """Write params.yaml as `dvc exp run` does, to run a single stage by itself."""
    with initialize_config_dir(str(CHECKOUT / "conf"), version_base=None):
        project.write("params.yaml", OmegaConf.to_yaml(compose("config", overrides=list(overrides))))


def checksums(directory: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()}


@pytest.fixture(scope="module")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("published") / "small"
    write_small_mnist(directory)
    return directory


@pytest.fixture(scope="module")
def dead_url() -> str:
    """The URL of a port on which nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


@needs_mnist
def test_mnist_over_http_trains_to_85_percent(reproduced: Project) -> None:
    with served(MNIST) as url:
        reproduced.ok(*experiment("dataset=mnist", f"dataset.source={url}", "iterations=50"), "-n", "mnist")
    assert json.loads(reproduced.read("report/metrics.json"))["test_accuracy"] >= 0.85
    normalised = sum(file.stat().st_size for file in (reproduced.root / "normalised").iterdir())
    assert normalised < 56e6  # one byte per pixel
    shapes = {part: np.load(reproduced.root / f"normalised/{part}_pixels.npy").shape for part in ("train", "test")}
    assert shapes["test"] == (10_000, 784)
    assert 53_990 < shapes["train"][0] < 54_010  # nine of every ten images of each class
    [run] = reproduced.tracked_runs("tags.dvc_exp_name = 'mnist'")
    assert run.data.params["dataset"] == "mnist"
    assert run.data.metrics["test_accuracy"] >= 0.85
    assert run.data.tags["data_md5"] in reproduced.read("data.dvc")


@needs_mnist
def test_a_sweep_over_mnist_uses_what_was_prepared(reproduced: Project) -> None:
    printed = reproduced.ok("python", "-m", "pipeline.sweep", "dataset=mnist", "alpha=0.1,0.3", "iterations=2")
    assert "`dvc exp run -S dataset=mnist -S " in printed
    assert " -S dataset.source=http://127.0.0.1:" in printed  # where it was fetched from


@needs_mnist
def test_mnist_from_a_directory_is_the_same_data(reproduced: Project) -> None:
    before = checksums(reproduced.root / "raw")
    compose_for_a_stage(reproduced, "dataset=mnist", f"dataset.source={MNIST}")
    assert "mnist: 60000 + 10000 images in raw/" in reproduced.ok(*DOWNLOAD)
    assert checksums(reproduced.root / "raw") == before


def test_the_second_mirror_is_used_when_the_first_is_down(
    reproduced: Project, small_mnist: Path, dead_url: str
) -> None:
    with served(small_mnist) as url:
        compose_for_a_stage(reproduced, "dataset=mnist", mirrors(dead_url, url), *pinned(small_mnist))
        assert "mnist: 200 + 50 images in raw/" in reproduced.ok(*DOWNLOAD)


def test_a_mirror_that_hung_is_tried_last_for_the_next_files(
    small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PATIENCE_SECONDS", 0.4)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent, served(small_mnist) as url:
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}"
        chosen = settings_in(configuration(["dataset=mnist", mirrors(hanging, url), *pinned(small_mnist)]))
        assert import_dataset(chosen.dataset, tmp_path) == [200, 50]
        silent.settimeout(0)
        silent.accept()  # it was asked for the first file
        with pytest.raises(BlockingIOError):
            silent.accept()  # and for no other


def test_a_file_with_the_wrong_checksum_is_never_used(reproduced: Project, small_mnist: Path) -> None:
    before = checksums(reproduced.root / "raw")
    sizes = [pin for pin in pinned(small_mnist) if pin.startswith("dataset.bytes.")]
    compose_for_a_stage(reproduced, "dataset=mnist", f"dataset.source={small_mnist}", *sizes)
    printed = reproduced.fails(*DOWNLOAD)
    assert "train-images-idx3-ubyte.gz" in printed
    assert "sha256" in printed
    assert checksums(reproduced.root / "raw") == before


def test_a_pinned_file_that_is_not_idx_is_reported(reproduced: Project, tmp_path: Path) -> None:
    published = tmp_path / "published"
    write_small_mnist(published)
    (published / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"<html>moved</html>"))
    compose_for_a_stage(reproduced, "dataset=mnist", f"dataset.source={published}", *pinned(published))
    printed = reproduced.fails(*DOWNLOAD)
    assert "t10k-labels-idx1-ubyte.gz" in printed
    assert "IDX" in printed


def test_when_every_mirror_is_down_each_is_reported_and_the_data_is_kept(
    reproduced: Project, small_mnist: Path, dead_url: str
) -> None:
    before = checksums(reproduced.root / "data")
    down = mirrors(f"{dead_url}/a", f"{dead_url}/b")
    printed = reproduced.fails(*experiment("dataset=mnist", down, *pinned(small_mnist)))
    assert f"{dead_url}/a/train-images-idx3-ubyte.gz" in printed
    assert f"{dead_url}/b/train-images-idx3-ubyte.gz" in printed
    assert "dataset.source" in printed
    assert checksums(reproduced.root / "data") == before
    assert not (reproduced.root / "raw").exists()
    assert not (reproduced.root / "raw.partial").exists()


def test_how_a_dataset_is_fetched_is_not_part_of_the_data() -> None:
    chosen = settings_in(configuration(["dataset=mnist"]))
    elsewhere = settings_in(configuration(["dataset=mnist", mirrors("http://a"), "dataset.min_kilobytes_per_second=1"]))
    assert elsewhere.of_the_data() == chosen.of_the_data()
    assert of_a_model(chosen.of_the_model(), chosen.of_the_data()).of_the_data() == chosen.of_the_data()


@pytest.mark.parametrize("dataset", [{"name": "mnist"}, {"name": "mnist", "kind": "zip"}, {"name": 1, "kind": []}])
def test_a_model_of_an_unknown_kind_of_dataset_is_reported(dataset: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="dataset"):
        of_a_model(PLAIN.of_the_model(), {"dataset": dataset, "normalise": "standard"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing"),
        ("", "is damaged"),
        ("outs: []", "is damaged"),
        ("outs:\n- md5: [1]", "is damaged"),
        ("<<<<<<< HEAD\nouts: a: b", "is damaged"),
    ],
)
def test_a_lost_or_damaged_pointer_to_the_data_is_reported(tmp_path: Path, content: str | None, words: str) -> None:
    pointer = tmp_path / "data.dvc"
    if content is not None:
        pointer.write_text(content)
    with pytest.raises(UserError, match=rf"data\.dvc {words}.*: run `git checkout data.dvc`") as raised:
        md5_in(pointer)
    assert len(str(raised.value).splitlines()) == 1


def test_damaged_data_is_not_called_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalised, "NORMALISED", tmp_path)
    with pytest.raises(UserError, match=r"normalised/ is empty: run `dvc exp run .* normalise` to fill it"):
        normalised.datasets_for(PLAIN)
    (tmp_path / "about.json").write_text("{}")
    with pytest.raises(UserError, match=r"sha256\.json is missing: run `dvc repro normalise`"):
        normalised.datasets_for(PLAIN)


def write_csv(project: Project, name: str, pixel: object = 0) -> None:
    """Write a CSV of two classes that the first pixel tells apart, with the given pixel in line 4."""
    rows = [["digit", "a", "b", "c", "d"], *([k, 255 * k, 0, 9, 0] for _ in range(20) for k in (0, 1))]
    rows[3][2] = pixel
    project.write(name, "\n".join(",".join(map(str, row)) for row in rows))


CSV = ("dataset=csv", "dataset.label=digit", "dataset.image_shape=[2,2]", "iterations=50")


def test_a_csv_in_the_project_also_trains_in_a_temporary_checkout(reproduced: Project) -> None:
    write_csv(reproduced, "mine.csv")
    reproduced.ok(*experiment(*CSV, "dataset.path=mine.csv"), "--temp", "-n", "csv", "train")
    [run] = reproduced.tracked_runs("tags.dvc_exp_name = 'csv'")
    assert run.data.params["dataset"] == "csv"
    assert run.data.metrics["final_validation_accuracy"] == 1.0
    assert run.data.tags["data_md5"] not in reproduced.read("data.dvc")  # the temporary checkout has its own data.dvc


def test_a_csv_is_imported_again_when_its_content_changes(reproduced: Project) -> None:
    repro = ("dvc", "repro", "normalise")
    write_csv(reproduced, "mine.csv")
    reproduced.ok(*experiment(*CSV, "dataset.path=mine.csv"), "normalise")
    first = reproduced.read("data.dvc")
    write_csv(reproduced, "mine.csv")
    assert reproduced.stages_run(reproduced.ok(*repro)) == []
    write_csv(reproduced, "mine.csv", pixel=1)
    assert reproduced.stages_run(reproduced.ok(*repro)) == ["source", "download", "normalise"]
    assert reproduced.read("data.dvc") != first
    write_csv(reproduced, "mine.csv")
    assert reproduced.stages_run(reproduced.ok(*repro)) == ["source"]  # the rest comes from the cache
    assert reproduced.read("data.dvc") == first


def test_a_csv_outside_the_project_is_watched_until_it_is_gone(reproduced: Project, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    write_csv(reproduced, str(file), pixel=2)
    command = (*experiment(*CSV, f"dataset.path={file}"), "source")
    assert "source" in reproduced.stages_run(reproduced.ok(*command))
    write_csv(reproduced, str(file), pixel=3)
    assert reproduced.stages_run(reproduced.ok("dvc", "repro", "source")) == ["source"]
    file.unlink()
    assert "source/dataset.csv" in reproduced.fails("dvc", "repro", "source")
    printed = reproduced.fails(*experiment(*CSV, f"dataset.path={tmp_path}"), "source")
    assert f"{tmp_path} is not a file: set dataset.path to a CSV file" in printed
    reproduced.ok("dvc", "exp", "run", "source")
    assert {path.name for path in (reproduced.root / "source").iterdir()} == {"about.txt"}


def test_text_in_a_pixel_is_reported_with_line_and_column(reproduced: Project) -> None:
    write_csv(reproduced, "dark.csv", pixel="dark")
    compose_for_a_stage(reproduced, *CSV, "dataset.path=dark.csv")
    printed = reproduced.fails(*DOWNLOAD)
    for words in ("dark.csv", "line 4", "'b'", "'dark'", "whole numbers from 0 to 255"):
        assert words in printed
