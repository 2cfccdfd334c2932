"""The checks of somebody's own functions: as people write them, with the mistakes that people make."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.doctor import examine

PIXELS, LABELS = load_digits(return_X_y=True)
X, Y = PIXELS[:100] / 16, LABELS[:100]


def drawn(scheme="small"):
    """Initial parameters, as a dictionary."""
    rng = np.random.default_rng(0)
    shapes = {"W1": (64, 20), "b1": (20,), "W2": (20, 10), "b2": (10,)}
    if scheme == "wide":
        return {name: 2 * rng.standard_normal(shape) for name, shape in shapes.items()}
    return {name: rng.random(shape) - 0.5 for name, shape in shapes.items()}


def hidden(params, x):
    return np.maximum(x @ params["W1"] + params["b1"], 0)


def forward(params, x):
    z = hidden(params, x) @ params["W2"] + params["b2"]
    z = z - z.max(axis=1, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def one_hot(y):
    return y if y.ndim == 2 else np.eye(10)[y]


def loss(params, x, y):
    return -(one_hot(y) * np.log(forward(params, x))).sum() / len(x)


def gradient(params, x, y, of=forward):
    h = hidden(params, x)
    delta = (of(params, x) - one_hot(y)) / len(x)
    back = (delta @ params["W2"].T) * (h > 0)
    return {"W1": x.T @ back, "b1": back.sum(axis=0), "W2": h.T @ delta, "b2": delta.sum(axis=0)}


def with_gradient(change):
    """The problems found if the gradient is changed so."""
    return examine(forward, loss, lambda p, x, y: change(gradient(p, x, y), p, x, y), drawn(), X, Y).problems


def test_a_right_network_has_no_problem():
    report = examine(forward, loss, gradient, drawn(), X, Y)
    assert report.problems == []
    assert [finding.check for finding in report.findings] == [
        "labels",
        "shapes",
        "samples",
        "first loss",
        "softmax",
        "gradient",
        "learning",
    ]
    assert str(report).endswith("No problem found.")


def test_nothing_of_theirs_is_changed():
    def in_place(params, x):
        found = forward(params, x)
        x *= 0
        for values in params.values():
            values *= 0
        return found

    params, x, y = drawn(), X.copy(), Y.copy()
    assert examine(in_place, loss, gradient, params, x, y).problems == []
    np.testing.assert_array_equal(x, X)
    assert all(np.array_equal(values, drawn()[name]) for name, values in params.items())


def test_integers_and_float32_are_checked_in_float64():
    small = {name: values.astype("float32") for name, values in drawn().items()}
    assert examine(forward, loss, gradient, small, (16 * X).astype(int), Y).problems in ([], ["first_loss"])


def test_one_hot_labels_will_do():
    assert examine(forward, loss, gradient, drawn(), X, np.eye(10)[Y]).problems == []


def test_the_original_softmax_is_found_with_all_that_follows_from_it():
    def people_s(params, x):
        z = hidden(params, x) @ params["W2"] + params["b2"]
        return np.exp(z) / sum(np.exp(z))

    def people_s_loss(params, x, y):
        return -np.log(people_s(params, x)[np.arange(len(y)), y]).mean()

    report = examine(people_s, people_s_loss, lambda p, x, y: gradient(p, x, y, people_s), drawn(), X, Y)
    problems = ["samples_mix", "softmax_over_samples", "wrong_gradient", "softmax_unshifted", "does_not_learn"]
    assert report.problems == problems
    assert "sums over the samples" in str(report)
    assert "params['" in str(report)
    assert "5 problems" in str(report)


def test_an_unshifted_softmax_is_found_though_it_has_not_overflowed():
    def unshifted(params, x):
        z = hidden(params, x) @ params["W2"] + params["b2"]
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    assert examine(unshifted, loss, gradient, drawn(), X, Y).problems == ["softmax_unshifted"]


def test_probabilities_that_do_not_add_up_are_found():
    def logits(params, x):
        return np.exp(hidden(params, x) @ params["W2"] + params["b2"])

    assert "no_softmax" in examine(logits, loss, gradient, drawn(), X, Y).problems


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("gradient_sign", lambda g, _p, _x, _y: {name: -values for name, values in g.items()}),
        ("gradient_without_mean", lambda g, _p, x, _y: {name: len(x) * values for name, values in g.items()}),
        ("wrong_gradient", lambda g, _p, _x, _y: g | {"b2": 2 * g["b2"]}),
        ("gradient_shape", lambda g, _p, _x, _y: g | {"b1": g["b1"][np.newaxis]}),
        ("gradient_shape", lambda g, _p, _x, _y: g | {"W2": g["W2"].T}),
    ],
)
def test_a_wrong_gradient_is_found(problem, change):
    assert with_gradient(change)[0] == problem


def test_a_gradient_that_passes_dead_relus_or_the_wrong_product_is_told_apart():
    def without_mask(g, p, x, y):
        back = (forward(p, x) - np.eye(10)[y]) / len(x) @ p["W2"].T
        return g | {"W1": x.T @ back, "b1": back.sum(axis=0)}

    def reshaped(g, p, x, y):
        back = (forward(p, x) - np.eye(10)[y]) / len(x) @ p["W2"].reshape(10, 20) * (hidden(p, x) > 0)
        return g | {"W1": x.T @ back, "b1": back.sum(axis=0)}

    assert with_gradient(without_mask)[0] == "relu_mask_missing"
    assert with_gradient(reshaped)[0] == "transposed_product"


def in_columns(params):
    return [params["W1"].T, params["b1"][:, np.newaxis], params["W2"].T, params["b2"][:, np.newaxis]]


def in_rows(params):
    return dict(zip(("W1", "b1", "W2", "b2"), (values.T for values in params), strict=True))


def column_forward(params, x):
    return forward(in_rows(params), x.T).T


def column_loss(params, x, y):
    return -np.log(column_forward(params, x)[y, np.arange(y.size)]).mean()


def column_gradient(params, x, y):
    rows = {name: values.reshape(-1) if name[0] == "b" else values for name, values in in_rows(params).items()}
    return in_columns(gradient(rows, x.T, y.ravel()))


@pytest.mark.parametrize(("y", "problems"), [(Y, []), (Y[np.newaxis], [])], ids=["numbers", "a row"])
def test_samples_may_lie_in_columns(y, problems):
    assert examine(column_forward, column_loss, column_gradient, in_columns(drawn()), X.T, y).problems == problems


def test_a_column_of_labels_that_broadcasts_is_found():
    labels = Y[:, np.newaxis]
    found = examine(column_forward, column_loss, column_gradient, in_columns(drawn()), X.T, labels)
    assert found.problems[0] == "broadcast"
    assert "(m, m)" in str(found)


def test_a_loss_of_m_by_m_numbers_is_found():
    def table(params, x, y):
        return forward(params, x).max(axis=1) - y

    found = examine(forward, table, gradient, drawn(), X, Y[:, np.newaxis])
    assert found.problems == ["loss_not_a_number"]
    assert "(m, m)" in str(found)


@pytest.mark.parametrize(
    ("problem", "y"),
    [
        ("not_classes", Y + 1),
        ("not_classes", Y - 1),
        ("not_classes", Y + 0.5),
        ("not_one_hot", 2 * np.eye(10)[Y]),
        ("not_one_hot", np.maximum(np.eye(10)[Y], np.eye(10)[Y - 1])),
        ("not_one_hot", np.eye(12)[Y]),
        ("shapes", Y[:-1]),
        ("shapes", np.eye(10)[Y].T),
    ],
)
def test_labels_that_are_none_are_found(problem, y):
    assert examine(forward, loss, gradient, drawn(), X, y).problems == [problem]


def test_a_wide_initialisation_shows_in_the_first_loss():
    found = examine(forward, loss, gradient, drawn("wide"), X, Y)
    assert "first_loss" in found.problems
    assert "2.3" in str(found)


def test_weights_of_zeros_do_not_hide_a_wrong_gradient_and_do_not_learn():
    zeros = {name: 0 * values for name, values in drawn().items()}
    assert examine(forward, loss, gradient, zeros, X, Y).problems == ["symmetric_initialisation", "does_not_learn"]
    backwards = examine(forward, loss, lambda p, x, y: {n: -v for n, v in gradient(p, x, y).items()}, zeros, X, Y)
    assert backwards.problems == ["symmetric_initialisation", "gradient_sign", "does_not_learn"]


def test_what_a_function_raises_is_in_the_report():
    def raises(params, x):
        return x @ params["W3"]

    found = examine(raises, loss, gradient, drawn(), X, Y)
    assert found.problems == ["raises"]
    assert "KeyError: 'W3'" in str(found)


def test_fewer_gradients_than_parameters_are_found():
    listed = list(drawn().values())

    def of_list(function):
        return lambda p, *batch: function(dict(zip(drawn(), p, strict=True)), *batch)

    found = examine(of_list(forward), of_list(loss), lambda p, _x, _y: p[:3], listed, X, Y)
    assert found.problems == ["gradient_shape"]


def test_raw_pixels_are_no_fault_of_the_code():
    def clipped(params, x, y):
        return -(one_hot(y) * np.log(np.clip(forward(params, x), 1e-9, 1))).sum() / len(x)

    assert examine(forward, clipped, gradient, drawn(), 255 * X, Y).problems == ["first_loss"]
    assert examine(forward, loss, gradient, drawn(), 25500 * X, Y).problems == ["not_finite"]


def test_a_nan_in_the_inputs_is_found_before_anything_is_blamed():
    spoiled = X.copy()
    spoiled[0, 0] = np.nan
    assert examine(forward, loss, gradient, drawn(), spoiled, Y).problems == ["not_finite"]


def test_parameters_may_be_nested():
    def flat(params):
        return dict(zip(drawn(), (values for layer in params for values in layer), strict=True))

    def nested_gradient(params, x, y):
        found = list(gradient(flat(params), x, y).values())
        return [tuple(found[:2]), tuple(found[2:])]

    values = list(drawn().values())
    nested = [tuple(values[:2]), tuple(values[2:])]
    found = examine(
        lambda p, x: forward(flat(p), x), lambda p, x, y: loss(flat(p), x, y), nested_gradient, nested, X, Y
    )
    assert found.problems == []


def test_a_gradient_may_have_names_of_its_own():
    found = examine(forward, loss, lambda *a: {f"d{n}": g for n, g in gradient(*a).items()}, drawn(), X, Y)
    assert found.problems == []


def test_the_sum_of_losses_with_a_penalty_is_right_too():
    def penalised(params, x, y):
        return len(x) * loss(params, x, y) + 0.01 * sum((values**2).sum() for values in params.values())

    def its_gradient(params, x, y):
        found = gradient(params, x, y)
        return {name: len(x) * found[name] + 0.02 * values for name, values in params.items()}

    assert examine(forward, penalised, its_gradient, drawn(), X, Y).problems == []


def test_functions_that_compute_in_float32_are_not_blamed():
    def single(params, x):
        return forward(params, x).astype("float32")

    found = examine(single, lambda p, x, y: np.float32(loss(p, x, y)), gradient, drawn(), X, Y)
    assert found.problems == []
    assert "float32" in str(found)


def test_right_code_that_learns_slowly_is_not_blamed():
    labels = np.random.default_rng(0).integers(0, 10, 32)
    twins = np.repeat(X[:1], 32, axis=0)
    found = examine(forward, loss, gradient, drawn(), twins, labels)
    assert found.problems == []
    assert "not learned by heart" in " ".join(str(found).split())


def test_one_wrong_array_is_not_taken_for_a_wrong_way_back():
    assert with_gradient(lambda g, _p, x, _y: g | {"b1": g["b1"] / len(x)})[0] == "wrong_gradient"


@pytest.mark.parametrize(
    ("problem", "forwards", "losses", "gradients", "y"),
    [
        ("no_numbers", lambda p, x: (forward(p, x), x), loss, gradient, Y),
        ("no_numbers", forward, lambda _p, _x, _y: None, gradient, Y),
        ("no_numbers", forward, loss, lambda _p, _x, _y: None, Y),
        ("gradient_shape", forward, loss, lambda p, x, y: (loss(p, x, y), gradient(p, x, y)), Y),
        ("no_numbers", forward, loss, gradient, [f"label {label}" for label in Y]),
        ("no_numbers", forward, loss, gradient, None),
        ("shapes", forward, loss, gradient, np.array(3)),
        ("shapes", forward, loss, gradient, Y[:1]),
        ("one_class", lambda p, x: forward(p, x)[:, :1], loss, gradient, 0 * Y),
        ("random", forward, lambda p, x, y: loss(p, x, y) + np.random.default_rng().random(), gradient, Y),
    ],
)
def test_what_is_no_network_is_named_without_a_traceback(problem, forwards, losses, gradients, y):
    assert examine(forwards, losses, gradients, drawn(), X, y).problems == [problem]


def test_an_empty_batch_is_named():
    assert examine(forward, loss, gradient, drawn(), X[:0], Y[:0]).problems == ["no_numbers"]
