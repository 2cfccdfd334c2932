"""Mutants of healthy networks: a plain hand-written network, and twenty ways to break one line of it.

python -m tests.mutants    has the doctor examine them all, and prints the causes it names
"""
# ruff: noqa: ARG001, ARG002, ARG005 - each method gets all the arguments that its mutants need

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.datasets import load_wine

OUTPUTS, LAYERS, HIDDEN = ("softmax", "sigmoid", "tanh"), (2, 3), ("tanh", "sigmoid", "relu")
ALPHA = {"softmax": 0.3, "sigmoid": 0.3, "tanh": 0.1}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def relu(z):
    return np.maximum(z, 0)


ACTIVATIONS = {"softmax": softmax, "sigmoid": sigmoid, "tanh": np.tanh, "relu": relu}
SLOPES = {
    "sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z)),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "relu": lambda z: z > 0,
}


class Network:
    """A network as people write it, with a sample in each row and a dictionary of W1, b1, W2, b2, ...

    Its loss is the cross-entropy of a softmax, the binary cross-entropy of sigmoids, or half the squared error of tanh
    outputs, averaged over the samples. Each line of its algebra is a method, so that a mutant can override it.
    """

    def __init__(self, output, layers, hidden):
        self.output, self.layers, self.hidden, self.alpha = output, layers, hidden, ALPHA[output]

    def run(self, params, x):
        """The inputs of each layer and the network's outputs; the weighted sums of each layer."""
        values, sums = [x], []
        for i in range(1, self.layers + 1):
            sums.append(values[-1] @ params[f"W{i}"] + params[f"b{i}"])
            values.append(ACTIVATIONS[self.hidden if i < self.layers else self.output](sums[-1]))
        return values, sums

    def forward(self, params, x):
        return self.run(params, x)[0][-1]

    def loss(self, params, x, y):
        out = self.forward(params, x)
        if self.output == "softmax":
            return -np.sum(y * np.log(out)) / len(x)
        if self.output == "sigmoid":
            return -np.sum(y * np.log(out) + (1 - y) * np.log(1 - out)) / len(x)
        return np.sum((out - y) ** 2) / 2 / len(x)

    def output_error(self, out, y):
        slope = 1 - out**2 if self.output == "tanh" else 1
        return (out - y) * slope / len(y)

    def weights_gradient(self, i, values, sums, error):
        return values[i - 1].T @ error

    def bias_gradient(self, error):
        return error.sum(axis=0)

    def backward_params(self, params, updated):
        """The parameters through which the error propagates back."""
        return params

    def carry(self, weights, error):
        return error @ weights.T

    def source(self, error, topmost):
        """The error that reaches a hidden layer, before the factor of its slope."""
        return error

    def slope(self, z, back):
        return SLOPES[self.hidden](z)

    def step_direction(self, params, updated, name, gradient):
        """What is subtracted from a parameter, before the factor alpha."""
        return gradient

    def step(self, params, x, y):
        """One update: new parameters."""
        values, sums = self.run(params, x)
        updated, error, topmost = dict(params), self.output_error(values[-1], y), None
        for i in range(self.layers, 0, -1):
            gradients = {f"W{i}": self.weights_gradient(i, values, sums, error), f"b{i}": self.bias_gradient(error)}
            for name, gradient in gradients.items():
                updated[name] = params[name] - self.alpha * self.step_direction(params, updated, name, gradient)
            if i > 1:
                back = self.carry(self.backward_params(params, updated)[f"W{i}"], error)
                topmost = back if topmost is None else topmost
                back = self.source(back, topmost)
                error = back * self.slope(sums[i - 2], back)
        return updated


@dataclass(frozen=True)
class Operator:
    """A way to break one line: the causes that match it, the methods it replaces, and where it makes a difference."""

    causes: tuple[str, ...]
    how: dict
    outputs: tuple[str, ...] = OUTPUTS
    layers: tuple[int, ...] = LAYERS
    hidden: tuple[str, ...] = HIDDEN


def climbing(self, i, values, sums, error):
    return Network.weights_gradient(self, i, values, sums, error) * (-1 if i == 1 else 1)


def divided_again(self, i, values, sums, error):
    return Network.weights_gradient(self, i, values, sums, error) / (len(error) if i == 1 else 1)


def transposed_in_first_layer(self, i, values, sums, error):
    gradient = Network.weights_gradient(self, i, values, sums, error)
    return gradient.T if i == 1 else gradient


def inputs_of_the_network(self, i, values, sums, error):
    return values[0 if i == self.layers else i - 1].T @ error


def sums_below(self, i, values, sums, error):
    return (sums[i - 2] if i == self.layers else values[i - 1]).T @ error


def other_slope(self, z, back):
    other = "tanh" if self.hidden == "sigmoid" else "sigmoid"
    return SLOPES[other](z)


def same_error_for_all_units(self, weights, error):
    return error.sum(axis=1, keepdims=True) * np.ones(len(weights))


def other_output_slope(self, out, y):
    slope = 1 if self.output == "tanh" else out * (1 - out)
    return (out - y) * slope / len(y)


def squared_error(self, params, x, y):
    return np.mean((self.forward(params, x) - y) ** 2)


def accumulated_gradients(self, params, updated, name, gradient):
    updated["sum_" + name] = params["sum_" + name] + gradient
    return updated["sum_" + name]


def skip_first_weights(self, params, updated, name, gradient):
    return gradient * (name != "W1")


SMOOTH = ("tanh", "sigmoid")  # a ReLU's slope squared is its slope
OPERATORS = {
    "error_of_the_wrong_sign": Operator(
        ("gradient_sign",), {"output_error": lambda self, out, y: -Network.output_error(self, out, y)}
    ),
    "first_layer_climbs": Operator(("gradient_sign",), {"weights_gradient": climbing}),
    "first_layer_divided_again": Operator(("gradient_scale",), {"weights_gradient": divided_again}),
    "slope_missing": Operator(("activation_derivative",), {"slope": lambda self, z, back: 1}),
    "slope_at_the_error": Operator(
        ("activation_derivative",), {"slope": lambda self, z, back: SLOPES[self.hidden](back)}
    ),
    "slope_twice": Operator(
        ("activation_derivative",), {"slope": lambda self, z, back: SLOPES[self.hidden](z) ** 2}, hidden=SMOOTH
    ),
    "slope_of_another_function": Operator(("activation_derivative",), {"slope": other_slope}),
    "slope_of_another_output": Operator(
        ("activation_derivative", "loss_mismatch"), {"output_error": other_output_slope}
    ),
    "gradient_turned": Operator(("transposed_product",), {"weights_gradient": transposed_in_first_layer}),
    "inputs_of_the_network": Operator(("wrong_layer_input",), {"weights_gradient": inputs_of_the_network}),
    "sums_for_activations": Operator(("wrong_layer_input",), {"weights_gradient": sums_below}),
    "weights_reshaped": Operator(
        ("error_not_carried",), {"carry": lambda self, w, error: error @ w.reshape(w.T.shape)}
    ),
    "weights_left_out": Operator(("error_not_carried",), {"carry": same_error_for_all_units}),
    "topmost_error_for_all": Operator(
        ("error_not_carried",), {"source": lambda self, error, topmost: topmost}, layers=(3,)
    ),
    "bias_of_one_number": Operator(("bias_gradient",), {"bias_gradient": lambda self, error: error.sum()}),
    "bias_not_summed": Operator(("bias_gradient", "broadcast"), {"bias_gradient": lambda self, error: error}),
    "later_layer_updated_first": Operator(
        ("update_order",), {"backward_params": lambda self, params, updated: updated}
    ),
    "gradients_never_reset": Operator(("accumulator_not_reset",), {"step_direction": accumulated_gradients}),
    "first_weights_stay": Operator(("parameter_not_updated",), {"step_direction": skip_first_weights}),
    "another_loss_printed": Operator(("loss_mismatch",), {"loss": squared_error}, outputs=("softmax", "sigmoid")),
}


def made(kind, output, layers, hidden, seed):
    """(params, forward, step, x, y, loss) of a network on the wine data, with hidden layers as wide as the inputs."""
    rng = np.random.default_rng(seed)
    x, labels = load_wine(return_X_y=True)
    rows = rng.permutation(len(x))[:100]
    x, y = ((x - x.mean(axis=0)) / x.std(axis=0))[rows], np.eye(3)[labels[rows]]
    if output == "tanh":
        y = 2 * y - 1
    params = {}
    for i, (inputs, units) in enumerate(pairwise([13] * layers + [3]), 1):
        params[f"W{i}"] = rng.standard_normal((inputs, units)) * np.sqrt((2 if hidden == "relu" else 1) / inputs)
        params[f"b{i}"] = np.zeros(units)
    network = kind(output, layers, hidden)
    return params, network.forward, network.step, x, y, network.loss


def healthy(output, layers, seed):
    """A correct network."""
    return made(Network, output, layers, HIDDEN[seed % 3], seed)


def mutant(operator, output, layers, seed):
    """The same with one line broken (with another hidden activation where the change would make no difference)."""
    how = OPERATORS[operator]
    kind = type("Mutant", (Network,), how.how)
    params, *rest = made(kind, output, layers, how.hidden[seed % len(how.hidden)], seed)
    if operator == "gradients_never_reset":
        params |= {"sum_" + name: np.zeros_like(value) for name, value in params.items()}
    return params, *rest


def kinds(operator):
    """The outputs and depths for which the operator makes a difference."""
    return [(output, layers) for output in OPERATORS[operator].outputs for layers in OPERATORS[operator].layers]


def main(seeds=range(3)):
    """Print the causes that the doctor names."""
    from pipeline.doctor import examine

    def cause(params, forward, step, x, y, loss):
        found = examine(params, forward, step, x, y, loss=loss).cause
        return "-" if found is None else str(getattr(found, "name", found))

    named = total = 0
    for operator, how in OPERATORS.items():
        causes = Counter(cause(*mutant(operator, *kind, seed)) for kind in kinds(operator) for seed in seeds)
        right = sum(causes[name] for name in how.causes)
        named, total = named + right, total + causes.total()
        print(f"{operator:<28} {right:>3} of {causes.total():<3}", dict(causes.most_common()), flush=True)
    print(f"{named} of {total} named: {named / total:.1%}")
    causes = Counter(cause(*healthy(output, layers, s)) for output in OUTPUTS for layers in LAYERS for s in seeds)
    print("said of the healthy ones:", dict(causes))


if __name__ == "__main__":
    main()
