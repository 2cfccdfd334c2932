"""Stacking networks and taking them out again, and a step of all of them at once."""

import numpy as np
import pytest
from textbook import updated

from pipeline.core.fast.stack import descend, member, members, stack
from pipeline.core.initialisation import initialise

SIZES = [6, 4, 3, 2]


def networks(number, first_seed=0, dtype="float32"):
    """Networks whose parameters all differ; `uniform` draws the biases too."""
    seeds = range(first_seed, first_seed + number)
    return [initialise(SIZES, "uniform", 1, dtype, np.random.default_rng(seed)) for seed in seeds]


def as_bytes(network):
    return [(values.shape, values.dtype, values.tobytes()) for layer in network for values in layer]


def test_a_table_holds_the_biases_and_then_the_weights_of_each_input():
    three = networks(3)
    stacked = stack(three)
    assert [table.shape for table in stacked] == [(7, 3, 4), (5, 3, 3), (4, 3, 2)]
    for depth, table in enumerate(stacked):
        for k, network in enumerate(three):
            np.testing.assert_array_equal(table[0, k], network[depth].bias)
            np.testing.assert_array_equal(table[1:, k], network[depth].weights)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_each_member_round_trips(number, dtype):
    before = networks(number, dtype=dtype)
    stacked = stack(before)
    assert [as_bytes(member(stacked, k)) for k in range(number)] == [as_bytes(network) for network in before]


def test_chosen_members_keep_the_order_of_the_choice():
    five = networks(5)
    chosen = members(stack(five), [4, 0, 3])
    for table, expected in zip(chosen, stack([five[4], five[0], five[3]]), strict=True):
        np.testing.assert_array_equal(table, expected)
        assert table.flags.c_contiguous  # the products need it


def test_the_stack_is_a_copy_of_the_networks():
    two = networks(2)
    before = [as_bytes(network) for network in two]
    descend(stack(two), stack(networks(2, first_seed=2)), np.array([0.1, 0.2], "float32"))
    assert [as_bytes(network) for network in two] == before


def test_a_member_is_a_copy():
    stacked = stack(networks(2))
    taken = member(stacked, 1)
    before = as_bytes(taken)
    descend(stacked, stack(networks(2, first_seed=2)), np.array([0.1, 0.2], "float32"))
    assert as_bytes(taken) == before
    assert as_bytes(member(stacked, 1)) != before


def test_a_member_is_contiguous():
    for layer in member(stack(networks(3)), 1):
        assert layer.weights.flags.c_contiguous
        assert layer.bias.flags.c_contiguous


def test_chosen_members_are_copies():
    stacked = stack(networks(3))
    chosen = members(stacked, [0, 1, 2])
    descend(stacked, stack(networks(3, first_seed=3)), np.array([0.1, 0.2, 0.3], "float32"))
    assert [as_bytes(member(chosen, k)) for k in range(3)] == [as_bytes(network) for network in networks(3)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_with_an_alpha_per_network_matches_the_readable_one_bit_for_bit(dtype):
    before, gradients = networks(4, dtype=dtype), networks(4, first_seed=4, dtype=dtype)
    alphas = [0.1, 3e-5, 0.7, 1e4]
    stacked = stack(before)
    descend(stacked, stack(gradients), np.array(alphas, dtype))
    for k, (network, gradient, alpha) in enumerate(zip(before, gradients, alphas, strict=True)):
        assert as_bytes(member(stacked, k)) == as_bytes(updated(network, gradient, alpha))
