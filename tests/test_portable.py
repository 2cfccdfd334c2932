"""Trainings in portable precision have the committed hashes on any processor, vector units and number of threads."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import CHECKOUT, new_project
from numpy._core._multiarray_umath import __cpu_features__ as cpu_features
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_info

# OpenBLAS kernels, each with the CPU feature that it needs.
CORE_TYPES = {
    "Haswell": "AVX2",
    "SkylakeX": "AVX512_SKX",
    "Zen": "AVX2",
    "Nehalem": "SSE42",
    "Sandybridge": "AVX",
    "Prescott": "SSE3",
}
REPORTED_AS = {"Zen": "Haswell", "Prescott": "Katmai"}  # NumPy's BLAS has one set of kernels for both
HERE = [core_type for core_type, feature in CORE_TYPES.items() if cpu_features.get(feature)]
WITHOUT_VECTORS = "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"
COMMITTED = json.loads((CHECKOUT / "tests/portable/hashes.json").read_text())


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    pixels, labels = load_digits(return_X_y=True)
    np.savez(file, pixels=pixels.astype(np.uint8), labels=labels.astype(np.uint8))
    return file


def hashes(digits, threads="1", **environment):
    """The hash of each training, run in a process with this many BLAS threads."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.portable.trainings", str(digits)],
        cwd=CHECKOUT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": threads} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_every_training_has_the_committed_hash(digits, threads):
    assert hashes(digits, threads) == COMMITTED


@pytest.mark.parametrize("core_type", HERE)
def test_kernels_of_other_processors_give_the_committed_hashes(digits, core_type):
    assert hashes(digits, OPENBLAS_CORETYPE=core_type) == COMMITTED


@pytest.mark.skipif(not HERE, reason="NumPy has no such vector units to switch off on this processor")
def test_numpy_without_vector_units_gives_the_committed_hashes(digits):
    found = hashes(digits, NPY_DISABLE_CPU_FEATURES=WITHOUT_VECTORS, OPENBLAS_CORETYPE=HERE[-1])
    assert found == COMMITTED


def test_stacking_does_not_change_the_hash():
    assert COMMITTED["stacked"] == COMMITTED["full batch"]


def test_the_requested_kernels_are_used():
    code = "import numpy, threadpoolctl; print(*[pool['architecture'] for pool in threadpoolctl.threadpool_info()])"
    for core_type in HERE:
        environment = os.environ | {"OPENBLAS_CORETYPE": core_type}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.stdout.split() == [REPORTED_AS.get(core_type, core_type)]


@pytest.mark.skipif(len(HERE) < 2, reason="OpenBLAS has one kind of kernels for this processor")
def test_a_fresh_clone_reproduces_the_commit_with_other_kernels_and_more_threads(tmp_path):
    """`test_first_run.py` does so with the kernels of this processor."""
    usual = {library.get("architecture") for library in threadpool_info()}
    other = next(core_type for core_type in HERE if REPORTED_AS.get(core_type, core_type) not in usual)
    project = new_project(tmp_path / "clone")
    project.ok("dvc", "repro", OPENBLAS_CORETYPE=other, OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2")
    assert project.git_status() == ""
