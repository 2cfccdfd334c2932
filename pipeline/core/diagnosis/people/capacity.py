"""What a network can express: without biases, or with too few units, even the best fit is poor."""

from pipeline.core.diagnosis.people.activations import TANH
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.fitted import redrawn, standardised, with_biases, with_hidden_layer
from pipeline.core.diagnosis.people.situation import Situation

HALF = 0.5  # of the network's best loss: the larger network's must be below this
MUCH = 0.2  # the same, if the network learns something
WELL = 0.3  # of the loss of guessing
WIDER, HIDDEN = 6, 16  # times as many units; and units for a network without a hidden layer


def no_bias(situation: Situation) -> list[Finding]:
    """A network without biases that fits far better with them."""
    twin = situation.twin
    if twin.has_bias:
        return []
    without = situation.fitted_loss(situation.rows, twin, situation.drawn)
    other, _ = with_biases(twin, situation.drawn[0])
    best = situation.fitted_loss(situation.rows, other, [with_biases(twin, values)[1] for values in situation.drawn])
    if best > (MUCH if situation.learns else HALF) * without:
        return []
    evidence = f"No layer has biases. The best loss found is {without:.3g} without them and {best:.3g} with them."
    return [Finding("no_bias", "the layers", evidence, "`z = x @ W + b` in each layer, with b initially zero.")]


def too_linear(situation: Situation) -> list[Finding]:
    """Hidden layers without an activation, which collapse into a single linear layer, and data that needs more."""
    twin = situation.twin
    hidden = [layer.activation.name for layer in twin.layers[:-1]]
    if not hidden or set(hidden) != {"identity"}:
        return []
    rows, last = standardised(situation.rows), twin.layers[-1].activation
    linear = situation.fitted_loss(rows, twin, situation.drawn)
    curved = twin.with_activations((*[TANH] * len(hidden), last))
    best = situation.fitted_loss(rows, curved, situation.drawn)
    if linear < WELL * situation.guess or best > (MUCH if situation.learns else HALF) * linear:
        return []
    evidence = "There is no activation between the layers, so they collapse into one linear layer. Their best loss is "
    evidence += f"{linear:.3g}; with tanh in between, it is {best:.3g}."
    return [Finding("network_too_small", "the hidden layers", evidence, "`a1 = np.tanh(z1)`, and its derivative.")]


def network_too_small(situation: Situation) -> list[Finding]:
    """A network with too few units that fits far better with more."""
    twin, rows = situation.twin, standardised(situation.rows)
    narrow = situation.fitted_loss(rows, twin, situation.drawn)
    if narrow < WELL * situation.guess:
        return []
    if len(twin.layers) == 1:
        more = f"a hidden layer of {HIDDEN} units"
        wider, start = with_hidden_layer(twin, situation.start, HIDDEN)
    else:
        more = f"{WIDER} times as many hidden units"
        wider, start = twin, redrawn(twin, situation.start, 1, WIDER)
    wide = situation.fitted_loss(rows, wider, [start])
    if wide > HALF * narrow:
        return []
    evidence = f"The best loss found for this network is {narrow:.3g}; with {more}, it is {wide:.3g}."
    return [Finding("network_too_small", "the hidden layers", evidence, f"Use {more}.")]
