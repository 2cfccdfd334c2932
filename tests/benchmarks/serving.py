"""What the network costs in a request over HTTP: `python -m tests.benchmarks.serving`.

Compares one image's round trip to a served network with that to a model of the same signature that computes nothing.
MLflow serves both at once, and requests alternate between them.
"""

import argparse
import logging
import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import mlflow.pyfunc
import numpy as np
import requests
from mlflow.models import Model

from pipeline.files.model import EXAMPLE, NORMALISATION, WEIGHTS, save_arrays
from pipeline.tracking.serving import save_served_model
from tests.servers import model_server

WIDTHS = {64: 16, 784: 255}  # pixels of an image, and the brightest of them
HIDDEN, CLASSES = 20, 10
WARM_UP = 100


def save_models(width: int, directory: Path) -> np.ndarray:
    """Save a random network and the model of zeros as MLflow models, and return an image for them, (1, width)."""
    random = np.random.default_rng(0)
    shapes = {"weights1": (width, HIDDEN), "bias1": HIDDEN, "weights2": (HIDDEN, CLASSES), "bias2": CLASSES}
    save_arrays({name: random.normal(0, 0.1, shape) for name, shape in shapes.items()}, directory / WEIGHTS)
    save_arrays({"shift": np.array(0.0), "scale": np.array(float(WIDTHS[width]))}, directory / NORMALISATION)
    image = random.integers(0, WIDTHS[width], (1, width), dtype=np.uint8, endpoint=True)
    save_arrays({"pixels": image, "brightest": np.array(WIDTHS[width])}, directory / EXAMPLE)
    save_served_model(directory, directory / "network")
    network = Model.load(str(directory / "network"))
    zeros = str(Path(__file__).with_name("zeros.py"))
    mlflow.pyfunc.save_model(
        directory / "zeros",
        python_model=zeros,
        signature=network.signature,
        input_example=image.astype(int),
        pip_requirements=["mlflow"],
    )
    return image


def ask(session: requests.Session, url: str, body: dict[str, list[list[int]]]) -> float:
    """The seconds that one round trip takes."""
    start = time.perf_counter()
    response = session.post(url, json=body)
    elapsed = time.perf_counter() - start
    response.raise_for_status()
    return elapsed


def compare(width: int, rounds: int) -> None:
    """Measure both, and print their medians and the ratio."""
    with TemporaryDirectory() as place:
        directory = Path(place)
        body = {"inputs": save_models(width, directory).tolist()}
        with (
            model_server("network", directory, os.environ) as network,
            model_server("zeros", directory, os.environ) as zeros,
            requests.Session() as session,
        ):
            times = [(ask(session, network, body), ask(session, zeros, body)) for _ in range(WARM_UP + rounds)]
    ours, bare = (1000 * median(column) for column in zip(*times[WARM_UP:], strict=True))
    print(f"{width} pixels: network {ours:.3f} ms, zeros {bare:.3f} ms, ratio {ours / bare:.3f}")


def main() -> None:
    """Measure with images of the digits' and of MNIST's size."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="the median is reported (%(default)s)")
    args = parser.parse_args()
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    for width in WIDTHS:
        compare(width, args.rounds)


if __name__ == "__main__":
    main()
