"""The mutants are wrong, the healthy networks they come from are right, and the doctor tells them apart."""

import numpy as np
import pytest

from pipeline.doctor import examine
from tests.mutants import ALPHA, LAYERS, OPERATORS, OUTPUTS, healthy, kinds, mutant

SEEDS = range(10)


def differences(loss, params, name, x, y, h=1e-5):
    """The gradient of the loss by central differences."""
    gradient = np.zeros_like(params[name])
    for at in np.ndindex(gradient.shape):
        ends = []
        for change in (h, -h):
            value = params[name].copy()
            value[at] += change
            ends.append(loss({**params, name: value}, x, y))
        gradient[at] = (ends[0] - ends[1]) / (2 * h)
    return gradient


def descends(params, updated, x, y, loss, alpha):
    """Whether each parameter has changed by minus alpha times the gradient of the loss."""
    for name in (name for name in params if name[0] in "Wb"):
        change = updated[name] - params[name]
        expected = -alpha * differences(loss, params, name, x, y)
        if change.shape != expected.shape or np.linalg.norm(change - expected) > 1e-3 * np.linalg.norm(expected):
            return False
    return True


def both_descend(output, network):
    """Whether both the first and the second update descend the gradient."""
    params, _, step, x, y, loss = network
    for _ in range(2):
        updated = step(params, x, y)
        if not descends(params, updated, x, y, loss, ALPHA[output]):
            return False
        params = updated
    return True


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_healthy_networks_descend_their_gradient(output, layers):
    for seed in range(3):  # one for each hidden activation
        assert both_descend(output, healthy(output, layers, seed))


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_healthy_networks_learn(output, layers):
    for seed in SEEDS:
        params, _, step, x, y, loss = healthy(output, layers, seed)
        first = loss(params, x, y)
        for _ in range(200):
            params = step(params, x, y)
        assert loss(params, x, y) < first / 2


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_mutant_does_not_descend_its_gradient(operator):
    for kind in kinds(operator):
        for seed in range(3):
            assert not both_descend(kind[0], mutant(operator, *kind, seed))


def test_there_are_twenty_operators_and_nearly_all_apply_to_each_kind():
    assert len(OPERATORS) == 20
    for output in OUTPUTS:
        for layers in LAYERS:
            assert sum((output, layers) in kinds(operator) for operator in OPERATORS) >= 18


def cause_of(network):
    params, forward, step, x, y, loss = network
    return examine(params, forward, step, x, y, loss).cause


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_doctor_names_the_mutation(operator):
    for kind in kinds(operator):
        assert cause_of(mutant(operator, *kind, seed=0)) in OPERATORS[operator].causes


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_the_doctor_finds_nothing_wrong_with_healthy_networks(output, layers):
    assert [cause_of(healthy(output, layers, seed)) for seed in SEEDS] == [None] * len(SEEDS)
