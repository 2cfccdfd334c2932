"""Datasets from their source to a trained network: the real MNIST, a small IDX set of our own, and a CSV."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import MNIST, Project, needs_mnist, served
from servers import free_port

from pipeline.files.idx import write_idx

CHECKSUMS = {
    "train_images": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "t10k_images": "t10k-images-idx3-ubyte.gz",
    "t10k_labels": "t10k-labels-idx1-ubyte.gz",
}
DOWNLOAD = ("dvc", "exp", "run", "-S", "dataset=mnist")


def write_small_mnist(directory: Path) -> None:
    """Ten classes, each a bright column of its own, in MNIST's four files."""
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
    """The overrides that pin the checksums of the files in a directory."""
    sums = {key: hashlib.sha256((directory / name).read_bytes()).hexdigest() for key, name in CHECKSUMS.items()}
    return [word for key, value in sums.items() for word in ("-S", f"dataset.sha256.{key}='{value}'")]


def mirrors(*urls: str) -> tuple[str, str]:
    return ("-S", f"dataset.mirrors=[{','.join(repr(url) for url in urls)}]")


@pytest.fixture(scope="module")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("published") / "small"
    write_small_mnist(directory)
    return directory


@pytest.fixture(scope="module")
def dead_url() -> str:
    """The URL of a port at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


@needs_mnist
def test_mnist_over_http_trains_to_94_percent_with_the_defaults(project: Project) -> None:
    with served(MNIST) as url:
        project.ok(*DOWNLOAD, "-S", f"dataset.source={url}", "-n", "mnist")
    assert json.loads(project.read("report/metrics.json"))["test_accuracy"] >= 0.94
    normalised = sum(file.stat().st_size for file in (project.root / "normalised").iterdir())
    assert normalised < 56e6  # a byte for a pixel
    shapes = {part: np.load(project.root / f"normalised/{part}_pixels.npy").shape for part in ("train", "test")}
    assert shapes["test"] == (10_000, 784)
    assert 53_990 < shapes["train"][0] < 54_010  # nine of every ten images of each class
    [run] = project.tracked_runs("tags.dvc_exp_name = 'mnist'")
    assert run.data.params["dataset"] == "mnist"
    assert run.data.metrics["test_accuracy"] >= 0.94
    assert run.data.tags["data_md5"] in project.read("data.dvc")


@needs_mnist
def test_mnist_from_a_directory_is_the_same_data(project: Project) -> None:
    before = project.read("data.dvc")
    printed = project.ok(*DOWNLOAD, "-S", f"dataset.source={MNIST}", "data.dvc")
    assert "mnist: 60000 + 10000 images in raw/" in printed
    assert project.read("data.dvc") == before


def test_the_second_mirror_helps_where_the_first_is_down(project: Project, small_mnist: Path, dead_url: str) -> None:
    with served(small_mnist) as url:
        short = ("-S", "iterations=50", "-n", "small")
        project.ok(*DOWNLOAD, *mirrors(dead_url, url), *pinned(small_mnist), *short)
    assert json.loads(project.read("report/metrics.json"))["test_accuracy"] > 0.9


def test_with_no_mirror_up_each_is_named_and_the_data_stays(project: Project, small_mnist: Path, dead_url: str) -> None:
    before = sorted(file.name for file in (project.root / "data").iterdir())
    printed = project.fails(*DOWNLOAD, *mirrors(f"{dead_url}/a", f"{dead_url}/b"), *pinned(small_mnist))
    assert f"{dead_url}/a/train-images-idx3-ubyte.gz" in printed
    assert f"{dead_url}/b/train-images-idx3-ubyte.gz" in printed
    assert "dataset.source" in printed
    assert sorted(file.name for file in (project.root / "data").iterdir()) == before
    assert not (project.root / "raw.partial").exists()


def test_a_file_with_another_checksum_is_never_put_in_place(project: Project, small_mnist: Path) -> None:
    printed = project.fails(*DOWNLOAD, "-S", f"dataset.source={small_mnist}")
    assert "train-images-idx3-ubyte.gz" in printed
    assert "sha256" in printed
    assert not (project.root / "raw").exists()


def test_a_pinned_file_that_is_no_idx_file_is_named(project: Project, tmp_path: Path) -> None:
    published = tmp_path / "published"
    write_small_mnist(published)
    (published / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"<html>moved</html>"))
    printed = project.fails(*DOWNLOAD, "-S", f"dataset.source={published}", *pinned(published))
    assert "t10k-labels-idx1-ubyte.gz" in printed
    assert "IDX" in printed


def write_csv(project: Project, name: str, pixel: object = 0) -> None:
    """Two classes that the first pixel tells apart, and a pixel of one's choice in line 4."""
    rows = [["digit", "a", "b", "c", "d"], *([k, 255 * k, 0, 9, 0] for _ in range(20) for k in (0, 1))]
    rows[3][2] = pixel
    project.write(name, "\n".join(",".join(map(str, row)) for row in rows))


CSV = ("-S", "dataset=csv", "-S", "dataset.label=digit", "-S", "dataset.image_shape=[2,2]", "-S", "iterations=50")


def test_a_csv_in_the_projects_folder_trains_from_a_temporary_checkout_too(project: Project) -> None:
    write_csv(project, "mine.csv")
    project.ok("dvc", "exp", "run", "--temp", *CSV, "-S", "dataset.path=mine.csv", "-n", "csv")
    [run] = project.tracked_runs("tags.dvc_exp_name = 'csv'")
    assert run.data.params["dataset"] == "csv"
    assert run.data.metrics["test_accuracy"] == 1.0
    assert run.data.tags["data_md5"] not in project.read("data.dvc")  # that of the data in the temporary checkout


def test_text_in_a_pixel_is_shown_by_line_and_column(project: Project) -> None:
    write_csv(project, "dark.csv", pixel="dark")
    printed = project.fails("dvc", "exp", "run", *CSV, "-S", "dataset.path=dark.csv")
    for words in ("dark.csv", "line 4", "'b'", "'dark'", "whole numbers from 0 to 255"):
        assert words in printed
