"""Each cause, provoked in real trainings on real digits, is diagnosed, and healthy trainings raise no alarm."""

from dataclasses import replace
from functools import cache
from math import isfinite

import numpy as np
import pytest
from conftest import MNIST, needs_mnist
from plain import PLAIN
from sklearn.datasets import load_digits

from pipeline.core.diagnosis.catalogue import IN_THE_CODE
from pipeline.core.diagnosis.causes import CAUSES
from pipeline.core.diagnosis.diagnosis import as_markdown
from pipeline.core.normalisation import METHODS
from pipeline.core.split import split
from pipeline.files.dataset import About, Dataset, Part
from pipeline.files.idx import read_idx
from pipeline.training.fit import fit

SEEDS = pytest.mark.parametrize("seed", [0, 1])


def dataset_of(pixels, labels, normalise, shape):
    chosen = split(labels, has_published_test=False)
    parts = {name: Part(pixels[indices], labels[indices]) for name, indices in chosen.items()}
    about = About({"dataset": {"name": "x"}, "normalise": normalise}, "0f.dir", shape, 1 + int(labels.max()))
    return Dataset(parts, METHODS[normalise](parts["train"].pixels), about)


@cache
def digits(normalise="standard"):
    pixels, labels = (values.astype(np.uint8) for values in load_digits(return_X_y=True))
    return dataset_of(pixels, labels, normalise, (8, 8))


def diagnosed(dataset=None, **changes):
    point = PLAIN.model_copy(update={"iterations": 200} | changes)
    [found] = fit([point], dataset or digits(point.normalise), 1, lambda _iteration, _rows: None)
    assert all(isfinite(value) for value in found.diagnosis.evidence.values())
    return found.diagnosis


def relabelled(label_of):
    """The digits with other labels."""
    parts = {name: Part(part.pixels, label_of(part.labels)) for name, part in digits().parts.items()}
    return replace(digits(), parts=parts)


PROVOKED = [
    ("softmax_over_samples", {"fault": "softmax_over_samples"}, {"stuck", "collapsed", "diverged", "still learning"}),
    (
        "softmax_unshifted",
        {"fault": "softmax_unshifted", "normalise": "none", "init": "uniform", "alpha": 5.0},
        {"diverged"},
    ),
    ("softmax_unshifted", {"fault": "softmax_unshifted", "alpha": 5.0}, {"diverged"}),
    ("gradient_sign", {"fault": "gradient_sign"}, {"diverged"}),
    ("gradient_scale", {"fault": "gradient_without_mean"}, {"collapsed", "diverged"}),
    ("activation_derivative", {"fault": "relu_mask_missing"}, {"converged", "still learning"}),
    ("error_not_carried", {"fault": "transposed_product"}, {"converged", "still learning"}),
    ("inputs_not_scaled", {"normalise": "none"}, {"collapsed", "diverged"}),
    ("inputs_not_scaled", {"normalise": "none", "init": "uniform"}, {"collapsed", "diverged", "stuck"}),
    ("weights_too_large", {"init": "normal", "init_scale": 10.0, "hidden": [20] * 40}, {"diverged"}),
    ("summed_gradients", {"reduction": "sum"}, {"collapsed", "diverged"}),
    ("summed_gradients", {"reduction": "sum", "alpha": 0.1, "batch_size": 100}, {"collapsed", "diverged"}),
    ("alpha_too_large", {"alpha": 5.0}, {"diverged"}),
    ("alpha_too_large", {"alpha": 5.0, "normalise": "unit"}, {"collapsed", "diverged"}),
    ("alpha_too_large", {"alpha": 20.0, "batch_size": 100}, {"collapsed", "diverged"}),
    ("dead_relus", {"hidden": [2] * 12}, {"collapsed"}),
    ("symmetric_initialisation", {"init": "zeros"}, {"collapsed"}),
    ("alpha_too_small", {"alpha": 0.001}, {"still learning", "stuck"}),
    ("alpha_too_small", {"alpha": 0.01, "init": "uniform", "normalise": "unit"}, {"still learning"}),
    ("alpha_too_small", {"alpha": 0.001, "init": "normal"}, {"stuck", "collapsed", "still learning"}),
    ("inputs_too_small", {"normalise": "divide_255", "alpha": 0.2}, {"still learning", "stuck"}),
    ("weights_too_small", {"init": "normal", "hidden": [20] * 3}, {"stuck", "collapsed"}),
    ("network_too_small", {"hidden": [1]}, {"stuck", "converged", "still learning"}),
    ("network_too_deep", {"hidden": [20] * 16, "alpha": 0.05}, {"still learning", "stuck", "collapsed"}),
    ("batch_too_small", {"batch_size": 1, "iterations": 1000}, {"diverged", "collapsed", "stuck"}),
    ("too_few_iterations", {"iterations": 3}, {"still learning"}),
]
EACH_PROVOKED = pytest.mark.parametrize(
    ("cause", "changes", "outcomes"), PROVOKED, ids=[cause for cause, _, _ in PROVOKED]
)


def assert_named(found, cause, outcomes):
    assert found.cause == cause
    assert found.outcome in outcomes
    assert found.cause_iteration is not None
    assert found.sentence
    assert found.advice


@EACH_PROVOKED
def test_a_provoked_cause_is_named(cause, changes, outcomes):
    assert_named(diagnosed(**changes, seed=1), cause, outcomes)


@SEEDS
@pytest.mark.parametrize(
    ("cause", "label_of"),
    [
        ("data_scrambled", lambda seed: lambda labels: np.random.default_rng(seed).permutation(labels)),
        ("labels_constant", lambda seed: lambda labels: np.full_like(labels, seed)),
        ("class_missing", lambda seed: lambda labels: np.where(labels == seed, 9, labels).astype(np.uint8)),
    ],
)
def test_bad_labels_are_diagnosed(cause, label_of, seed):
    assert diagnosed(relabelled(label_of(seed)), seed=seed).cause == cause


def test_labels_shuffled_only_in_training_are_diagnosed():
    parts = digits().parts
    shuffled = parts["train"]._replace(labels=np.random.default_rng(0).permutation(parts["train"].labels))
    assert diagnosed(replace(digits(), parts=parts | {"train": shuffled})).cause == "data_scrambled"


def two_classes(of_one):
    """The digits with two labels: 1 for the given digits, 0 for the others."""
    dataset = relabelled(lambda labels: np.isin(labels, of_one).astype(np.uint8))
    return replace(dataset, about=replace(dataset.about, classes=2))


@SEEDS
@pytest.mark.parametrize("of_one", [[1, 3, 5, 7, 9], [0]], ids=["half", "a tenth"])
def test_two_classes_are_told_apart_from_shuffled_labels(of_one, seed):
    assert diagnosed(two_classes(of_one), seed=seed).cause == "none"
    shuffled = two_classes(of_one)
    parts = {
        name: part._replace(labels=np.random.default_rng(seed).permutation(part.labels))
        for name, part in shuffled.parts.items()
    }
    assert diagnosed(replace(shuffled, parts=parts), seed=seed).cause == "data_scrambled"


@SEEDS
@pytest.mark.parametrize("batch_size", [1, 8])
def test_the_loss_of_one_small_batch_is_not_decisive(batch_size, seed):
    found = diagnosed(batch_size=batch_size, alpha=0.01, iterations=1000, seed=seed)
    assert (found.outcome, found.cause) in [("still learning", "none"), ("converged", "none")]


def test_a_single_update_is_not_a_failure():
    found = diagnosed(iterations=1)
    assert (found.outcome, found.cause) == ("still learning", "too_few_iterations")
    assert found.prescription["iterations"] >= 100


def noisy(share):
    """The digits, with a share of the training labels replaced by random ones."""
    rng, train = np.random.default_rng(0), digits().parts["train"]
    is_wrong = rng.random(len(train.labels)) < share
    labels = np.where(is_wrong, rng.integers(10, size=len(train.labels)), train.labels).astype(np.uint8)
    return replace(digits(), parts=digits().parts | {"train": train._replace(labels=labels)})


def test_overfitting_is_diagnosed_and_stopping_earlier_prescribed():
    changes = {"hidden": [100]}
    found = diagnosed(noisy(0.5), **changes, iterations=2000)
    assert found.cause == "overfitting"
    assert found.prescription == {"iterations": found.cause_iteration}
    assert "learned by heart" not in found.advice
    stopped = diagnosed(noisy(0.5), **changes | found.prescription)
    assert stopped.cause == "none"
    assert stopped.evidence["last_validation_accuracy"] > found.evidence["last_validation_accuracy"]


@EACH_PROVOKED
def test_the_prescription_cures_it(cause, changes, outcomes):
    found = diagnosed(**changes)
    assert_named(found, cause, outcomes)
    if "fault" in changes:
        assert found.prescription == {}  # no setting can fix code
        return
    assert found.prescription
    assert all(f"{name}=" in found.advice for name in found.prescription)
    cured = diagnosed(**changes | found.prescription)
    assert cured.cause == "none"
    assert cured.prescription == {}
    assert cured.evidence["last_validation_accuracy"] > 0.736


@SEEDS
def test_the_prescribed_alpha_is_below_one_that_was_too_large(seed):
    found = diagnosed(batch_size=16, alpha=1.5, iterations=1000, seed=seed)
    assert found.cause in ("alpha_too_large", "batch_too_small")
    assert found.prescription["alpha"] < 1.5


@pytest.mark.parametrize("changes", [{"normalise": "none"}, {"init": "normal", "init_scale": 10.0}])
def test_alpha_is_not_blamed_for_large_inputs_or_weights(changes):
    found = diagnosed(**changes, alpha=0.3)
    assert found.cause in ("inputs_not_scaled", "weights_too_large")


def test_alpha_is_not_blamed_for_a_narrow_network():
    assert diagnosed(hidden=[1], alpha=0.3).cause != "alpha_too_large"


def test_huge_weights_are_diagnosed_though_the_loss_is_finite():
    assert diagnosed(init="normal", init_scale=10.0, seed=1).cause == "weights_too_large"


def test_every_known_cause_is_provoked_here():
    provoked = {cause for cause, _, _ in PROVOKED} | {"data_scrambled", "labels_constant", "class_missing"}
    provoked |= {"overfitting"}
    # No value of `fault` causes the other mistakes in the code: the doctor's tests provoke them.
    assert set(CAUSES) - provoked - set(IN_THE_CODE) == {"unknown"}


@pytest.mark.parametrize(("normalise", "reduction"), [("standard", "mean"), ("unit", "sum")])
def test_healthy_trainings_are_called_healthy(normalise, reduction):
    images = len(digits().parts["train"].labels)
    points = [
        PLAIN.model_copy(
            update={
                "normalise": normalise,
                "init": init,
                "alpha": alpha / (images if reduction == "sum" else 1),
                "seed": seed,
                "reduction": reduction,
                "iterations": 300,
            }
        )
        for init in ("uniform", "he", "xavier", "normal")
        for alpha in (0.3, 0.5, 1.0)
        for seed in (0, 1)
    ]
    found = fit(points, digits(normalise), 1, lambda _iteration, _rows: None)
    assert len(found) == 24
    assert all(training.history[-1].validation_accuracy > 0.85 for training, _ in found)
    alarms = [
        (point.init, point.alpha, point.seed, point.iterations, diagnosis.outcome, diagnosis.cause)
        for point, (_, diagnosis) in zip(points, found, strict=True)
        if diagnosis.cause != "none" or diagnosis.outcome not in ("converged", "still learning")
    ]
    assert alarms == []


@pytest.mark.parametrize(
    "changes", [{"batch_size": 64}, {"hidden": [30, 20]}, {"hidden": [5]}, {"precision": "float32"}]
)
def test_other_healthy_trainings_are_called_healthy_too(changes):
    assert diagnosed(**changes).cause == "none"


def test_the_collapse_is_explained():
    found = diagnosed(normalise="unit", init="uniform", alpha=0.01, iterations=500, fault="softmax_over_samples")
    assert (found.outcome, found.cause, found.cause_iteration) == ("diverged", "softmax_over_samples", 0)
    for part in (
        "sums over the samples",
        "each class's outputs sum to 1 over the batch",
        "`exp` overflowed at iteration 32",
    ):
        assert part in found.sentence
    assert found.evidence["first_largest_logit"] < 10 < 500 < found.evidence["last_largest_logit"] < 710
    assert found.evidence["last_prediction_entropy"] < 0.1
    assert "axis=1" in found.advice
    assert "alpha=0.3" in found.advice


@needs_mnist
def test_the_collapse_on_mnist_is_diagnosed_too():
    images = read_idx(MNIST / "train-images-idx3-ubyte.gz", 3)[:2000]
    labels = read_idx(MNIST / "train-labels-idx1-ubyte.gz", 1)[:2000]
    mnist = dataset_of(images.reshape(len(images), -1), labels, "unit", (28, 28))
    common = {"normalise": "unit", "init": "uniform", "iterations": 250}
    collapsed = diagnosed(mnist, **common, alpha=0.01, fault="softmax_over_samples")
    assert (collapsed.outcome, collapsed.cause) == ("diverged", "softmax_over_samples")
    assert collapsed.evidence["last_accuracy"] < 0.2
    assert collapsed.evidence["last_prediction_entropy"] < 0.7
    repaired = diagnosed(mnist, **common, alpha=0.3)
    assert repaired.cause == "none"
    assert repaired.evidence["last_validation_accuracy"] > 0.85
    slow = diagnosed(mnist, **common, alpha=0.01)
    assert slow.cause == "alpha_too_small"


def test_the_overflow_is_dated_to_the_first_non_finite_loss():
    found = diagnosed(fault="softmax_unshifted", alpha=5.0)
    assert found.cause_iteration == 4
    assert "overflowed at iteration 4" in found.sentence


def test_an_alpha_that_is_too_large_is_compared_with_the_stable_one():
    found = diagnosed(alpha=5.0)
    assert 0.1 < found.stable_alpha < 2
    assert f"{5 / found.stable_alpha:.2g} times the stable" in found.sentence
    assert found.prescription == {"alpha": float(f"{found.stable_alpha / 2:.1g}")}
    assert found.advice == f"Set alpha={found.prescription['alpha']:g}."


def test_summing_divides_the_stable_alpha_by_the_batch_size():
    of_mean, of_sum = diagnosed().stable_alpha, diagnosed(reduction="sum", batch_size=100).stable_alpha
    assert of_sum == pytest.approx(of_mean / 100, rel=1e-3)


def test_the_iterations_a_slow_training_needs_are_extrapolated():
    said = diagnosed(alpha=0.015).sentence
    needed = int(said.split("after about ")[1].split(" iterations")[0].replace(",", ""))
    assert 500 < needed < 20_000
    assert diagnosed(alpha=0.015, iterations=needed).evidence["last_loss"] < 0.4


def test_dead_units_are_counted():
    found = diagnosed(hidden=[2] * 12)
    assert "100%" in found.sentence
    collapsed = diagnosed(alpha=5.0, normalise="unit")
    assert collapsed.evidence["last_dead_units_1"] > 0.5


def test_the_diagnosis_page_is_complete():
    found = diagnosed(init="zeros")
    page = as_markdown(found)
    assert page.startswith("# Collapsed\n")
    for part in ("symmetric initialisation", "since iteration 0", found.sentence, found.advice, "| last accuracy | "):
        assert part in page
    assert "iteration" not in as_markdown(diagnosed()).splitlines()[2]
