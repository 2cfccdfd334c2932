"""The doctor examines people's own networks, however they are written, and leaves them unchanged."""

import re
import subprocess
import sys
from functools import partial
from textwrap import dedent
from threading import Lock

import numpy as np
import pytest
from conftest import CHECKOUT
from sklearn.datasets import load_digits

from pipeline.console.errors import run
from pipeline.core.diagnosis.catalogue import CATALOGUE, as_markdown
from pipeline.core.diagnosis.causes import CAUSES
from pipeline.doctor import examine, main

PIXELS, LABELS = load_digits(return_X_y=True)
X, Y = PIXELS[:120] / 16, LABELS[:120]
ONE_HOT = np.eye(10)[Y]
ALPHA = 0.5


def drawn(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((64, 20)) / 8, np.zeros(20), rng.standard_normal((20, 10)) / 5, np.zeros(10)]


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def forward(p, x):
    return softmax(np.tanh(x @ p[0] + p[1]) @ p[2] + p[3])


def gradient(p, x, t):
    h = np.tanh(x @ p[0] + p[1])
    d2 = (softmax(h @ p[2] + p[3]) - t) / len(x)
    d1 = d2 @ p[2].T * (1 - h**2)
    return [x.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)]


def step(p, x, t):
    return [value - ALPHA * slope for value, slope in zip(p, gradient(p, x, t), strict=True)]


def cross_entropy(p, x, t):
    return -(t * np.log(forward(p, x))).sum() / len(x)


def class_numbers():
    return drawn(), forward, lambda p, x, y: step(p, x, np.eye(10)[y]), X, Y


def in_columns():
    def turned(p, x, t):
        return [value.T for value in step([value.T for value in p], x.T, t.T)]

    return [value.T for value in drawn()], lambda p, x: forward([value.T for value in p], x.T).T, turned, X.T, ONE_HOT.T


def one_at_a_time():
    def single(p, x, t):
        return [old + (new - old) / 10 for old, new in zip(p, step(p, x[None], t[None]), strict=True)]

    return drawn(), lambda p, x: forward(p, x[None])[0], single, X, ONE_HOT


def in_place():
    def change(p, x, t):
        for value, slope in zip(p, gradient(p, x, t), strict=True):
            value -= ALPHA * slope

    return drawn(), forward, change, X, ONE_HOT


def nested():
    def flat(p):
        return [*p["hidden"], *p["output"]]

    def stepped(p, x, t):
        w1, b1, w2, b2 = step(flat(p), x, t)
        return {"hidden": (w1, b1), "output": (w2, b2)}

    w1, b1, w2, b2 = drawn()
    return {"hidden": (w1, b1), "output": (w2, b2)}, lambda p, x: forward(flat(p), x), stepped, X, ONE_HOT


class Network:
    """One object with aliased parameters, momenta, activations and data."""

    def __init__(self):
        self.W1, self.b1, self.W2, self.b2 = self.params = drawn()
        self.velocity = [np.zeros_like(value) for value in self.params]
        self.data, self.rate, self.hidden = X, ALPHA, None

    def answer(self, x):
        self.hidden = np.tanh(x @ self.W1 + self.b1)
        return softmax(self.hidden @ self.W2 + self.b2)

    def train(self, x, t):
        self.answer(x)
        for place, slope in enumerate(gradient(self.params, x, t)):
            self.velocity[place] = 0.9 * self.velocity[place] - 0.1 * self.rate * slope
            self.params[place] += self.velocity[place]


def an_object():
    return Network(), lambda net, x: net.answer(x), lambda net, x, t: net.train(x, t), X, ONE_HOT


def adam_in_a_closure():
    first, second, t = [0.0] * 4, [0.0] * 4, 0

    def adam(p, x, y):
        nonlocal t
        t, new = t + 1, []
        for place, slope in enumerate(gradient(p, x, y)):
            first[place] = 0.9 * first[place] + 0.1 * slope
            second[place] = 0.999 * second[place] + 0.001 * slope**2
            root = np.sqrt(second[place] / (1 - 0.999**t)) + 1e-8
            new.append(p[place] - 0.01 * first[place] / (1 - 0.9**t) / root)
        return new

    return drawn(), forward, adam, X, ONE_HOT


def an_epoch_of_minibatches():
    def epoch(p, x, t):
        for start in range(0, len(x), 30):
            p = step(p, x[start : start + 30], t[start : start + 30])
        return p

    return drawn(), forward, epoch, X, ONE_HOT


def ten_updates():
    def repeated(p, x, t):
        for _ in range(10):
            p = step(p, x, t)
        return p

    return drawn(), forward, repeated, X, ONE_HOT


def a_random_choice():
    rng = np.random.default_rng(0)

    def chosen(p, x, t):
        places = rng.integers(0, len(x), 16)
        return step(p, x[places], t[places])

    return drawn(), forward, chosen, X, ONE_HOT


def clipped():
    def shortened(p, x, t):
        slopes = gradient(p, x, t)
        length = np.sqrt(sum((slope**2).sum() for slope in slopes))
        return [value - slope * min(ALPHA, 0.1 / length) for value, slope in zip(p, slopes, strict=True)]

    return drawn(), forward, shortened, X, ONE_HOT


def clipped_one_by_one():
    def limited(p, x, t):
        slopes = gradient(p, x, t)
        return [value - ALPHA * np.clip(slope, -0.01, 0.01) for value, slope in zip(p, slopes, strict=True)]

    return drawn(), forward, limited, X, ONE_HOT


def with_a_cache_and_a_loss():
    def answer(p, x):
        return np.tanh(x @ p[0] + p[1]), forward(p, x)

    return drawn(), answer, lambda p, x, t: (step(p, x, t), cross_entropy(p, x, t)), X, ONE_HOT


def with_a_lock():
    net = Network()
    net.lock = Lock()
    return net, lambda net, x: net.answer(x), lambda net, x, t: net.train(x, t), X, ONE_HOT


def in_lists():
    def floats(p):
        return [np.array(value) for value in p]

    def changed(p, x, t):
        return [value.tolist() for value in step(floats(p), np.array(x), np.array(t))]

    start = [value.tolist() for value in drawn()]
    return start, lambda p, x: forward(floats(p), np.array(x)), changed, X.tolist(), ONE_HOT.tolist()


def unrolled():
    def cut(theta):
        return [
            theta[:1280].reshape(64, 20),
            theta[1280:1300],
            theta[1300:1500].reshape(20, 10),
            theta[1500:],
        ]

    def flat(p):
        return np.concatenate([value.ravel() for value in p])

    return (
        flat(drawn()),
        lambda theta, x: forward(cut(theta), x),
        lambda theta, x, t: flat(step(cut(theta), x, t)),
        X,
        ONE_HOT,
    )


class Neuron:
    """A single unit as an object, in plain Python."""

    def __init__(self, rng, inputs):
        self.weights, self.bias = rng.uniform(-1, 1, inputs).tolist(), 0.0

    def fire(self, inputs):
        self.inputs = inputs
        self.output = float(np.tanh(np.dot(self.weights, inputs) + self.bias))
        return self.output

    def learn(self, delta):
        self.weights = [w - 0.1 * delta * value for w, value in zip(self.weights, self.inputs, strict=True)]
        self.bias -= 0.1 * delta


def neurons():
    def answer(layers, x):
        for layer in layers:
            x = [neuron.fire(x) for neuron in layer]
        return x

    def train(layers, x, y):
        [out] = answer(layers, x)
        hidden, [last] = layers
        delta = (out - y) * (1 - out**2)
        deltas = [delta * w * (1 - unit.output**2) for w, unit in zip(last.weights, hidden, strict=True)]
        for neuron, change in zip([last, *hidden], [delta, *deltas], strict=True):
            neuron.learn(change)

    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (40, 2))
    return [[Neuron(rng, 2) for _ in range(4)], [Neuron(rng, 4)]], answer, train, x, np.sign(x[:, 0]) * 0.8


def huber_loss():
    def fitted(p, x, y):
        error = np.clip(x @ p["w"] + p["b"] - y, -0.5, 0.5)
        return {"w": p["w"] - 0.1 * x.T @ error / len(x), "b": p["b"] - 0.1 * error.mean(axis=0)}

    x = np.random.default_rng(0).standard_normal((40, 3))
    start = {"w": np.zeros((3, 1)), "b": np.zeros(1)}
    return start, lambda p, x: x @ p["w"] + p["b"], fitted, x, x[:, :1] - 2 * x[:, 1:2]


def two_floats():
    def fitted(p, x, y):
        error = p["slope"] * x + p["offset"] - y
        return {"slope": p["slope"] - 0.1 * (error * x).mean(), "offset": p["offset"] - 0.1 * error.mean()}

    x = np.linspace(-1, 1, 30)
    return {"slope": 0.0, "offset": 0}, lambda p, x: p["slope"] * x + p["offset"], fitted, x, 3 * x + 1


SCRIPTS = [
    class_numbers,
    in_columns,
    one_at_a_time,
    in_place,
    nested,
    an_object,
    adam_in_a_closure,
    an_epoch_of_minibatches,
    ten_updates,
    a_random_choice,
    clipped,
    clipped_one_by_one,
    with_a_cache_and_a_loss,
    with_a_lock,
    in_lists,
    unrolled,
    neurons,
    huber_loss,
    two_floats,
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_correct_network_is_healthy_however_it_is_written(script):
    report = examine(*script())
    assert (report.cause, report.error) == (None, "")
    assert "Nothing is wrong." in str(report)
    assert "could be checked" not in str(report)


def climbing(script):
    """The same script, with a wrapper that makes its step go the opposite way."""
    params, answers, right, x, y = script()
    start = [value.copy() for value in params]

    def up(p, x, y):
        before = [value.copy() for value in p]
        after = right(p, x, y) or p
        return [2 * old - new for old, new in zip(before, after, strict=True)]

    return start, answers, up, x, y


@pytest.mark.parametrize("script", [class_numbers, in_columns, one_at_a_time, in_place, adam_in_a_closure, clipped])
def test_gradient_ascent_is_found_however_the_network_is_written(script):
    assert examine(*climbing(script)).cause == "gradient_sign"


def test_a_report_gives_the_place_the_evidence_and_the_correct_line():
    def without_slope(p, x, t):
        h = np.tanh(x @ p[0] + p[1])
        d2 = (softmax(h @ p[2] + p[3]) - t) / len(x)
        d1 = d2 @ p[2].T
        slopes = [x.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)]
        return [value - ALPHA * slope for value, slope in zip(p, slopes, strict=True)]

    report = examine(drawn(), forward, without_slope, X, ONE_HOT)
    assert report.cause == "activation_derivative"
    assert "layer 1 is not multiplied by the derivative of the tanh" in " ".join(str(report).split())
    assert "`d1 = (d2 @ params[2].T) * (1 - a1**2)`" in str(report)


def test_a_report_starts_with_one_cause_and_lists_the_other_problems():
    def two_faults(p, x, t):
        new = step(p, x, t)
        return [p[0] + (new[0] - p[0]).mean(), p[1], new[2], new[3]]

    report = examine(drawn(), forward, two_faults, X, ONE_HOT)
    assert str(report).startswith("Cause: ")
    assert "parameter_not_updated" in report.problems


def test_the_users_state_is_left_unchanged():
    params, answers, adam, x, y = adam_in_a_closure()
    rng = np.random.default_rng(3)
    cells = {name: cell.cell_contents for name, cell in zip(adam.__code__.co_freevars, adam.__closure__, strict=True)}
    before = [value.copy() for value in params]
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    examine(params, answers, adam, x, y)
    assert all(np.array_equal(a, b) for a, b in zip(params, before, strict=True))
    after = {name: cell.cell_contents for name, cell in zip(adam.__code__.co_freevars, adam.__closure__, strict=True)}
    assert all(after[name] is value for name, value in cells.items())
    assert after["t"] == 0
    assert after["first"] == [0.0] * 4
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert rng.random() == np.random.default_rng(3).random()


class Stepper:
    """State in the object whose methods are passed, in a default argument, and in a callable object."""

    def __init__(self):
        self.t, self.velocity, self.params = 0, [0.0] * 4, drawn()

    def answer(self, params, x):
        return forward(params, x)

    def step(self, params, x, y, count=[0]):  # noqa: B006
        self.t += 1
        count[0] += 1
        self.params = step(params, x, y)
        self.velocity = [0.9 * old + new for old, new in zip(self.velocity, self.params, strict=True)]
        return self.params

    __call__ = step


@pytest.mark.parametrize("as_step", [lambda s: s.step, lambda s: s, lambda s: partial(s.step, count=[5])])
def test_objects_whose_methods_are_called_are_left_unchanged(as_step):
    stepper = Stepper()
    params = stepper.params
    given = as_step(stepper)
    report = examine(params, stepper.answer, given, X, ONE_HOT)
    assert report.cause is None
    assert (stepper.t, stepper.velocity) == (0, [0.0] * 4)
    assert stepper.params is params
    assert Stepper.step.__defaults__ == ([0],)
    assert not isinstance(given, partial) or given.keywords == {"count": [5]}


def test_an_object_keeps_its_aliases_and_values():
    net, *rest = an_object()
    before = [value.copy() for value in net.params]
    examine(net, *rest)
    assert net.W1 is net.params[0]
    assert all(np.array_equal(a, b) for a, b in zip(net.params, before, strict=True))
    assert not any(value.any() for value in net.velocity)
    assert net.hidden is None


def convolution(sign=-1):
    """A filter of three weights over a signal, averaged and scaled, without dense layers."""

    def parts(p, x):
        z = np.stack([np.convolve(row, p["filter"], "valid") for row in x])
        return z, np.maximum(z, 0)

    def answer(p, x):
        return parts(p, x)[1].mean(axis=1) * p["slope"] + p["offset"]

    def update(p, x, y):
        z, a = parts(p, x)
        error = 2 * (answer(p, x) - y) / len(x)
        back = error[:, None] * p["slope"] * (z > 0) / z.shape[1]
        windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)[:, :, ::-1]
        slope = np.einsum("ni,nik->k", back, windows)
        return {
            "filter": p["filter"] + sign * 0.1 * slope,
            "slope": p["slope"] + sign * 0.1 * (error * a.mean(axis=1)).sum(),
            "offset": p["offset"] + sign * 0.1 * error.sum(),
        }

    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 9))
    return {"filter": rng.standard_normal(3), "slope": 1.0, "offset": 0.0}, answer, update, x, x.mean(axis=1)


def test_other_kinds_of_network_are_checked_by_finite_differences():
    assert examine(*convolution()).cause is None
    assert examine(*convolution(sign=1)).cause == "gradient_sign"


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("forward is of type int", {"forward": 3}),
        ("step(params, x, y) accepts neither", {"step": lambda *_: {}["W3"]}),
        ("it raises KeyError: 'W3'", {"forward": lambda *_: {}["W3"]}),
        ("ends the program", {"step": lambda *_: sys.exit(3)}),
        ("it accepts 120 samples but not 119", {"forward": lambda p, x: forward(p, x.reshape(120, 64))}),
        ("x[0, 0] is nan", {"x": np.where(np.arange(64) == 0, np.nan, X)}),
        ("x holds objects", {"x": np.array([[1, 2], [3]], dtype=object)}),
        ("y holds values of type <U1", {"y": ["a"] * len(X)}),
        ("x has 120 samples, but y has shape (7,)", {"y": Y[:7]}),
        ("at least one sample", {"x": X[:0], "y": Y[:0]}),
        ("the same output whatever", {"forward": lambda _, x: x[:, :10]}),
        ("params[1] is not finite", {"params": [drawn()[0], np.full(20, np.inf), *drawn()[2:]]}),
    ],
)
def test_arguments_that_cannot_be_examined_get_one_sentence(said, change):
    given = {"params": drawn(), "forward": forward, "step": step, "x": X, "y": ONE_HOT} | change
    report = examine(**given)
    assert said in report.error
    assert report.cause is None
    assert str(report).startswith("This can't be examined: ")


SCRIPT = """
    import numpy as np
    x, y = np.linspace(-1, 1, 20)[:, None], np.linspace(-2, 2, 20)[:, None]
    params = {"w": np.ones((1, 1)), "b": np.zeros(1)}
    def forward(params, x):
        return x @ params["w"] + params["b"]
    def step(params, x, y):
        error = forward(params, x) - y
        return {"w": params["w"] - 0.1 * x.T @ error, "b": params["b"] + 0.1 * error.sum(axis=0)}
"""


def test_the_command_examines_a_file(tmp_path):
    path = tmp_path / "mynetwork.py"
    path.write_text(dedent(SCRIPT))
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.doctor", path], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "Cause: gradient_sign, in b\n" in ended.stdout


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("does not define step, x, y", "params = [1.0]\ndef forward(params, x): return x"),
        ("raises ZeroDivisionError at line 2", "x = 1\ny = x / 0"),
        ("is not valid Python, at line 1", "def"),
        ("x has 20 samples, but y", SCRIPT + "    y = y[:3]"),
    ],
)
def test_a_file_that_cannot_be_examined_gets_one_sentence(said, text, tmp_path, monkeypatch, capsys):
    path = tmp_path / "mynetwork.py"
    path.write_text(dedent(text))
    monkeypatch.setattr(sys, "argv", ["doctor", str(path)])
    with pytest.raises(SystemExit) as ended:
        run(main)
    assert str(ended.value).startswith("error: ")
    assert said in str(ended.value)
    assert capsys.readouterr().out == ""


def test_a_missing_file_gets_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["doctor", str(tmp_path / "none.py")])
    with pytest.raises(SystemExit, match="is not a Python file"):
        run(main)


def trained_with(scale=1.0, alpha=ALPHA, start=None, x=X, t=ONE_HOT):
    """The correct network, with other settings."""

    def update(p, x, t):
        return [value - alpha * slope for value, slope in zip(p, gradient(p, x, t), strict=True)]

    params = start or [scale * value for value in drawn()]
    return examine(params, forward, update, x, t).cause


def xor_without_a_hidden_layer():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (80, 2))
    y = (x[:, :1] * x[:, 1:] > 0).astype(float)

    def answer(p, x):
        return 1 / (1 + np.exp(-(x @ p[0] + p[1])))

    def update(p, x, y):
        error = (answer(p, x) - y) / len(x)
        return [p[0] - x.T @ error, p[1] - error.sum(axis=0)]

    return examine([rng.standard_normal((2, 1)), np.zeros(1)], answer, update, x, y).cause


def a_line_through_the_origin():
    x = np.linspace(-1, 1, 20)[:, None]

    def update(p, x, y):
        return {"w": p["w"] - 0.5 * x.T @ (x @ p["w"] - y) / len(x)}

    return examine({"w": np.zeros((1, 1))}, lambda p, x: x @ p["w"], update, x, x + 3).cause


def an_overflow():
    def unshifted(p, x):
        e = np.exp(x @ p[0])
        return e / e.sum(axis=1, keepdims=True)

    def update(p, x, t):
        return [p[0] - 0.01 * x.T @ (unshifted(p, x) - t) / len(x)]

    start = [100 * np.random.default_rng(0).standard_normal((64, 10))]
    return examine(start, unshifted, update, X, ONE_HOT).cause


SETTINGS = {
    "alpha_too_small": lambda: trained_with(alpha=1e-7),
    "alpha_too_large": lambda: trained_with(alpha=60.0),
    "weights_too_large": lambda: trained_with(scale=40.0),
    "weights_too_small": lambda: trained_with(scale=1e-4, alpha=0.02),
    "symmetric_initialisation": lambda: trained_with(scale=0.0),
    "inputs_not_scaled": lambda: trained_with(x=255 * X),
    "data_scrambled": lambda: trained_with(x=X[np.arange(120) // 2 * 2], t=ONE_HOT),
    "labels": lambda: trained_with(t=ONE_HOT * (Y < 9)[:, None]),
    "targets_out_of_range": lambda: trained_with(t=2 * ONE_HOT - 1),
    "network_too_small": xor_without_a_hidden_layer,
    "no_bias": a_line_through_the_origin,
    "softmax_unshifted": an_overflow,
}


@pytest.mark.parametrize("cause", SETTINGS)
def test_a_bad_setting_is_named(cause):
    assert SETTINGS[cause]() == cause


def test_every_named_cause_is_in_the_catalogue():
    texts = [path.read_text() for path in (CHECKOUT / "pipeline/core/diagnosis/people").glob("*.py")]
    named = {name for text in texts for name in re.findall(r'"([a-z]+(?:_[a-z]+)+|labels|broadcast|optimiser)"', text)}
    assert named - {"cell_contents"} <= set(CATALOGUE)
    assert set(CAUSES) <= set(CATALOGUE)
    assert set(CATALOGUE) - set(CAUSES) <= named


def test_the_causes_page_matches_the_catalogue():
    assert (CHECKOUT / "docs/causes.md").read_text() == as_markdown()
