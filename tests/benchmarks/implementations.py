"""The same descent, in our implementation and in others.

Each builder takes a problem and the number of threads and returns `run`: `run(count)` runs that many iterations, and
returns the loss at the start of the last one. The builder prepares what a run needs, which is not timed. The builders
import their libraries, since some are optional and a process needs only its own.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core.fast.engine import Engine
from pipeline.core.fast.minibatches import Minibatches
from pipeline.core.fast.precision import ARITHMETIC, Precision
from pipeline.core.fast.stack import descend, stack
from pipeline.core.network import in_precision
from tests.benchmarks.problems import ALPHA, CLASSES, HIDDEN, NETWORKS, Problem

Run: TypeAlias = Callable[[int], float | None]

SIDE = 2048  # of the square matrices that sgemm multiplies


class Implementation(NamedTuple):
    """An implementation of the descent."""

    name: str
    build: Callable[[Problem, int], Run]
    networks: int = 1  # updated by one iteration
    library: str = "numpy"  # if it is missing, the implementation is left out
    processes: int = 1  # sharing the networks and the threads


def ours(problem: Problem, threads: int, networks: int, precision: Precision) -> Run:
    """The engine, or its counterpart for minibatches; BLAS has one thread, as in `pipeline.training.fit`."""
    threadpool_limits(limits=1, user_api="blas")
    images = (problem.pixels, problem.labels, problem.affine, precision)
    if problem.batch_size is None:
        source = Engine(*images, threads)
    else:
        source = Minibatches(*images, problem.batch_size, problem.order())
    dtype = ARITHMETIC[precision].dtype
    stacked = stack([in_precision(network, dtype) for network in problem.networks(networks)])
    alphas = np.full(networks, ALPHA, dtype)

    def run(count: int) -> float:
        for remaining in reversed(range(count)):
            # As in training, where only the few iterations with a row in the history need a loss.
            found = source.loss_and_gradient(stacked, "mean", with_scores=remaining == 0)
            descend(stacked, found.gradient, alphas)
        return float(found.scores.loss[0])

    return run


def textbook(problem: Problem, _threads: int, dtype: str) -> Run:
    """NumPy as in a textbook: an image is a row, a label is one-hot."""
    inputs, one_hot = problem.inputs(dtype), np.eye(CLASSES, dtype=dtype)[problem.labels]
    [network] = problem.networks(1)
    (weights1, bias1), (weights2, bias2) = (
        (layer.weights.astype(dtype), layer.bias.astype(dtype)) for layer in network
    )
    rows = problem.rows()

    def batch():
        if problem.batch_size is None:
            return inputs, one_hot
        chosen = next(rows)
        return inputs[chosen], one_hot[chosen]

    def step(x, y):
        nonlocal weights1, bias1, weights2, bias2
        hidden = np.maximum(x @ weights1 + bias1, 0)
        logits = hidden @ weights2 + bias2
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        loss = -np.log((probabilities * y).sum(axis=1)).mean()

        delta2 = (probabilities - y) / len(x)
        delta1 = (delta2 @ weights2.T) * (hidden > 0)
        weights2 -= ALPHA * (hidden.T @ delta2)
        bias2 -= ALPHA * delta2.sum(axis=0)
        weights1 -= ALPHA * (x.T @ delta1)
        bias1 -= ALPHA * delta1.sum(axis=0)
        return loss

    def run(count: int) -> float:
        for _ in range(count):
            loss = step(*batch())
        return float(loss)

    return run


def scikit_learn(problem: Problem, _threads: int) -> Run:
    """MLPClassifier, with everything that it adds to plain descent switched off."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    inputs, labels, rows = problem.inputs("float32"), problem.labels, problem.rows()
    full_batch = problem.batch_size is None
    model = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,),
        solver="sgd",
        alpha=0,
        momentum=0,
        learning_rate_init=ALPHA,
        batch_size=problem.batch_size or len(labels),
        shuffle=False,  # the rows are already in the order that all implementations share
        warm_start=full_batch,
        n_iter_no_change=10**9,
    )
    model.partial_fit(inputs, labels, classes=np.arange(CLASSES))  # creates the parameters, which are then replaced
    for weights, bias, layer in zip(model.coefs_, model.intercepts_, problem.networks(1)[0], strict=True):
        weights[...], bias[...] = layer

    def run(count: int) -> float:
        if full_batch:
            model.set_params(max_iter=count).fit(inputs, labels)
        else:
            # One call for all batches, as its checks of the input take as long as a batch.
            chosen = np.concatenate([next(rows) for _ in range(count)])
            model.partial_fit(inputs[chosen], labels[chosen])
        return float(model.loss_)

    return run


def pytorch(problem: Problem, threads: int) -> Run:
    """Layers, a loss and an optimiser, as in PyTorch's own tutorials; eager."""
    import torch

    torch.set_num_threads(threads)
    inputs, labels = torch.from_numpy(problem.inputs("float32")), torch.from_numpy(problem.labels.astype(np.int64))
    first, second = torch.nn.Linear(inputs.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, CLASSES)
    with torch.no_grad():
        for linear, layer in zip((first, second), problem.networks(1)[0], strict=True):
            linear.weight.copy_(torch.from_numpy(layer.weights.T))
            linear.bias.copy_(torch.from_numpy(layer.bias))
    model = torch.nn.Sequential(first, torch.nn.ReLU(), second)
    optimiser = torch.optim.SGD(model.parameters(), lr=ALPHA)
    rows = problem.rows()

    def batch():
        if problem.batch_size is None:
            return inputs, labels
        chosen = torch.from_numpy(next(rows))
        return inputs[chosen], labels[chosen]

    def run(count: int) -> float:
        for _ in range(count):
            x, y = batch()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return loss.item()

    return run


def jax(problem: Problem, _threads: int, networks: int) -> Run:
    """A jitted step; with several networks, vmapped over their parameters."""
    import jax
    import jax.numpy as jnp

    inputs, one_hot = jnp.asarray(problem.inputs("float32")), jax.nn.one_hot(problem.labels, CLASSES)

    def loss_of(parameters, x, y):
        (weights1, bias1), (weights2, bias2) = parameters
        logits = jax.nn.relu(x @ weights1 + bias1) @ weights2 + bias2
        return -(jax.nn.log_softmax(logits) * y).sum(axis=1).mean()

    def step(parameters, x, y):
        loss, gradient = jax.value_and_grad(loss_of)(parameters, x, y)
        return loss, jax.tree.map(lambda parameter, slope: parameter - ALPHA * slope, parameters, gradient)

    jitted = jax.jit(jax.vmap(step, in_axes=(0, None, None)) if networks > 1 else step)
    starts = [[tuple(layer) for layer in network] for network in problem.networks(networks)]
    parameters = jax.tree.map(lambda *each: jnp.stack(each) if networks > 1 else jnp.asarray(each[0]), *starts)

    def run(count: int) -> float:
        nonlocal parameters
        for _ in range(count):
            loss, parameters = jitted(parameters, inputs, one_hot)
        jax.block_until_ready(parameters)
        return float(loss if networks == 1 else loss[0])

    return run


def sgemm(_problem: Problem, _threads: int) -> Run:
    """BLAS at its best: the peak of this machine. It has no loss."""
    left, right, out = np.random.default_rng(0).random((3, SIDE, SIDE), dtype="float32")

    def run(count: int) -> None:
        for _ in range(count):
            np.matmul(left, right, out=out)

    return run


def of_ours(precision: Precision, networks: int, processes: int = 1) -> Implementation:
    """Ours, for this many networks at once."""
    apart = ", two processes" if processes > 1 else ""  # as `hydra.launcher.backend=loky` does on two cores
    build = partial(ours, networks=networks // processes, precision=precision)
    return Implementation(f"ours {precision} K={networks}{apart}", build, networks, processes=processes)


OF_OURS = [
    of_ours(precision, networks, processes)
    for precision in ("portable", "float32")
    for networks, processes in ((NETWORKS, 1), (NETWORKS, 2), (1, 1))
]
OURS_STACKED, _, OURS, OURS_STACKED_FLOAT32, _, OURS_FLOAT32 = OF_OURS
TEXTBOOK_DOUBLE = Implementation("textbook NumPy float64", partial(textbook, dtype="float64"))
TEXTBOOK = Implementation("textbook NumPy float32", partial(textbook, dtype="float32"))
SCIKIT_LEARN = Implementation("scikit-learn", scikit_learn)
PYTORCH = Implementation("PyTorch eager", pytorch, library="torch")
JAX = Implementation("JAX jit", partial(jax, networks=1), library="jax")
JAX_STACKED = Implementation(f"JAX jit, vmap K={NETWORKS}", partial(jax, networks=NETWORKS), NETWORKS, "jax")
SGEMM = Implementation(f"sgemm {SIDE}", sgemm)

OF_FULL_BATCH = [*OF_OURS, TEXTBOOK_DOUBLE, TEXTBOOK, SCIKIT_LEARN, PYTORCH, JAX, JAX_STACKED, SGEMM]
OF_MINIBATCHES = [*OF_OURS, TEXTBOOK, SCIKIT_LEARN, PYTORCH]
