"""Many trainings at once: each is what it would be alone, wherever the others end or diverge."""

from copy import deepcopy
from itertools import count

import numpy as np
import pytest
from plain import assert_same
from real_digits import AFFINE, LABELS, PARTS, PIXELS, examine
from textbook import updated
from threadpoolctl import threadpool_limits

from pipeline.core.descent import train
from pipeline.core.fast.engine import Engine
from pipeline.core.fast.stack import Scores, member, stack
from pipeline.core.initialisation import initialise
from pipeline.core.training import Trajectory, is_recorded

# A quarter of the images: the tests here do not depend on how many there are.
ENGINES = {
    part: Engine(PIXELS[chosen[::4]].astype(np.uint8), LABELS[chosen[::4]], AFFINE, "portable", threads=1)
    for part, chosen in PARTS.items()
}


@pytest.fixture(autouse=True)
def one_blas_thread():
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def network(seed, scheme="he", scale=0.1):
    return initialise([64, 20, 10], scheme, scale, "float64", np.random.default_rng(seed))


GOOD = Trajectory(network(0), 0.5, [20, 105, 112])
ENDS_EARLY = Trajectory(network(1), 0.1, [3])
ENDS_BETWEEN = Trajectory(network(2), 0.3, [105, 107])
DIVERGES = Trajectory(network(3), 1e2, [2, 105, 111])  # a few updates after the second
DIVERGES_AT_ONCE = Trajectory(network(4), 1e300, [1, 50])
OVERFLOWS_UNTRAINED = Trajectory(network(5, "normal", 1e200), 0.1, [1, 20, 105])
ALL = [OVERFLOWS_UNTRAINED, GOOD, ENDS_EARLY, DIVERGES, ENDS_BETWEEN, DIVERGES_AT_ONCE]


def of_all(stacked, with_scores=True):
    return ENGINES["train"].loss_and_gradient(stacked, "mean", with_scores)


def follow(trajectories, measure=ENGINES["validation"].measure, observe=lambda _iteration, _rows: None):
    return train(trajectories, of_all, measure, examine, observe)


def alone(trajectory, end):
    [[training]] = follow([trajectory._replace(ends=[end])])
    return training


@pytest.mark.parametrize("trajectories", [ALL, ALL[::-1], [GOOD, GOOD]])
def test_every_training_is_what_it_would_be_alone(trajectories):
    found = follow(trajectories)
    assert len(found) == len(trajectories)
    for trajectory, trainings in zip(trajectories, found, strict=True):
        assert len(trainings) == len(trajectory.ends)
        for end, training in zip(trajectory.ends, trainings, strict=True):
            assert_same(training, alone(trajectory, end))


def test_an_update_matches_the_readable_one_bit_for_bit():
    gradient = member(of_all(stack([network(0)])).gradient, 0)
    training = alone(Trajectory(network(0), 0.3, [1]), 1)
    for layer, expected in zip(training.network, updated(network(0), gradient, 0.3), strict=True):
        assert layer.weights.tobytes() == expected.weights.tobytes()
        assert layer.bias.tobytes() == expected.bias.tobytes()


def test_each_training_ends_at_its_own_end():
    trajectories = [GOOD, ENDS_EARLY, ENDS_BETWEEN]
    for trainings, trajectory in zip(follow(trajectories), trajectories, strict=True):
        assert [training.iterations for training in trainings] == trajectory.ends
        assert [training.history[-1].iteration for training in trainings] == trajectory.ends
        assert {training.diverged for training in trainings} == {False}


def test_an_unrecorded_end_is_a_row_of_its_own_training_only():
    [trainings] = follow([Trajectory(network(0), 0.5, [101, 105, 112])])
    for training, end in zip(trainings, [101, 105, 112], strict=True):
        numbers = [row.iteration for row in training.history]
        assert numbers == [number for number in range(end) if is_recorded(number)] + [end]


def test_all_ends_after_the_divergence_diverge_at_the_same_iteration():
    [trainings] = follow([DIVERGES])
    assert [training.diverged for training in trainings] == [False, True, True]
    assert trainings[0].iterations == 2
    assert 2 < trainings[1].iterations == trainings[2].iterations < 100
    assert trainings[1].history == trainings[2].history


def test_a_network_that_overflows_untrained_ends_all_its_trainings_and_no_others():
    lost, good = follow([OVERFLOWS_UNTRAINED, GOOD])
    assert [training.diverged for training in lost] == [True] * 3
    assert [training.iterations for training in lost] == [0, 0, 0]
    assert [training.history for training in lost] == [[], [], []]
    assert all(training.network is OVERFLOWS_UNTRAINED.untrained for training in lost)
    assert [training.diverged for training in good] == [False] * 3


def with_infinite_validation_loss_at(iteration):
    """A descent and a measure whose validation loss is infinite after this many updates, and only then."""
    updates = count(-1)
    now = [next(updates)]

    def loss_and_gradient(stacked, with_scores):
        now[0] = next(updates)
        return of_all(stacked, with_scores)

    def measure(stacked):
        found = ENGINES["validation"].measure(stacked)
        return Scores(np.full_like(found.loss, np.inf), found.accuracy) if now[0] == iteration else found

    return loss_and_gradient, measure


def test_a_non_finite_validation_loss_at_an_unrecorded_end_affects_only_that_training():
    both = [Trajectory(network(0), 0.5, [105, 107, 112]), Trajectory(network(1), 0.5, [105, 112])]
    found = train(both, *with_infinite_validation_loss_at(105), examine, lambda _iteration, _rows: None)
    for trajectory, trainings in zip(both, found, strict=True):
        lost, *others = trainings
        assert (lost.diverged, lost.iterations) == (True, 105)
        assert_same(others[-1], alone(trajectory, 112))
        assert [training.diverged for training in others] == [False] * len(others)
        to_100 = alone(trajectory, 100)
        assert lost.history == to_100.history
        np.testing.assert_array_equal(lost.network[0].weights, to_100.network[0].weights)


def test_a_non_finite_validation_loss_in_a_row_ends_all_remaining_trainings():
    trajectory, seen = Trajectory(network(0), 0.5, [20, 110, 112]), []
    [trainings] = train(
        [trajectory], *with_infinite_validation_loss_at(110), examine, lambda _iteration, rows: seen.extend(rows)
    )
    assert seen == trainings[-1].history
    assert [(training.diverged, training.iterations) for training in trainings] == [
        (False, 20),
        (True, 110),
        (True, 110),
    ]


def test_a_non_finite_validation_loss_that_no_row_needs_ends_nothing():
    [[training]] = train(
        [Trajectory(network(0), 0.5, [112])],
        *with_infinite_validation_loss_at(105),
        examine,
        lambda _iteration, _rows: None,
    )
    assert_same(training, alone(GOOD, 112))


def test_observe_is_called_once_per_iteration_with_exactly_its_rows():
    seen = []
    found = follow(ALL, observe=lambda iteration, rows: seen.append((iteration, rows)))
    assert [iteration for iteration, _ in seen] == list(range(113))
    for iteration, rows in seen:
        assert rows == rows_of(iteration, found)


def rows_of(iteration, found):
    """The rows of an iteration in the trainings' histories: one for each trajectory that has it, in order."""
    of_each = [{row for training in trainings for row in training.history} for trainings in found]
    return [row for rows in of_each for row in rows if row.iteration == iteration]


def test_nothing_is_observed_after_the_last_training_ends():
    seen = []
    follow([DIVERGES_AT_ONCE, ENDS_EARLY], observe=lambda iteration, _rows: seen.append(iteration))
    assert seen == [0, 1, 2, 3]


def test_the_untrained_networks_are_not_modified():
    follow([ENDS_EARLY, GOOD])
    for layer, before in zip(GOOD.untrained, network(0), strict=True):
        np.testing.assert_array_equal(layer.weights, before.weights)
        np.testing.assert_array_equal(layer.bias, before.bias)


def checkpoints_of(trajectories):
    """Every checkpoint of a training. The next update overwrites its arrays, hence the copies."""
    kept = []
    train(
        trajectories,
        of_all,
        ENGINES["validation"].measure,
        examine,
        lambda _iteration, _rows: None,
        lambda checkpoint: kept.append(deepcopy(checkpoint)),
    )
    return kept


def test_training_goes_on_from_any_checkpoint_as_if_it_had_never_stopped():
    expected = follow(ALL)
    kept = checkpoints_of(ALL)
    assert [checkpoint.iteration for checkpoint in kept] == [*range(100), 100, 110]
    for checkpoint in kept[::7] + kept[-2:]:
        seen = []
        found = train(
            ALL,
            of_all,
            ENGINES["validation"].measure,
            examine,
            lambda iteration, rows, seen=seen: seen.append((iteration, rows)),
            checkpoint=deepcopy(checkpoint),
        )
        for trainings, others in zip(found, expected, strict=True):
            for training, other in zip(trainings, others, strict=True):
                assert_same(training, other)
        earlier = [row for progress in checkpoint.progress for row in progress.history]
        assert seen[0] == (checkpoint.iteration, earlier)
        assert [iteration for iteration, _ in seen[1:]] == [*range(checkpoint.iteration + 1, 113)]


def test_no_checkpoint_is_offered_once_everything_has_ended():
    assert [checkpoint.iteration for checkpoint in checkpoints_of([ENDS_EARLY])] == [0, 1, 2]
