"""Every cause that the doctor can name: how it shows, how it is detected, and how to fix it.

`python -m pipeline.doctor --causes` prints this catalogue, which is `docs/causes.md`.
"""

from typing import NamedTuple


class Cause(NamedTuple):
    """A cause, described independently of any network."""

    sign: str  # what people see
    test: str  # how it is detected
    fix: str


IN_THE_CODE: dict[str, Cause] = {
    "softmax_over_samples": Cause(
        "Every prediction becomes the same class.",
        "Each class's outputs sum to 1 over the batch; each sample's outputs do not.",
        "Sum over the classes, with keepdims=True.",
    ),
    "softmax_over_everything": Cause(
        "Outputs shrink as the batch grows.",
        "The outputs of the whole batch sum to 1.",
        "Sum over the classes, with keepdims=True.",
    ),
    "no_softmax": Cause(
        "The loss is not finite, or has no lower bound.",
        "Outputs that do not sum to 1 are used as probabilities.",
        "End with a softmax.",
    ),
    "gradient_sign": Cause(
        "The loss climbs from the first update.",
        "The update follows the gradient uphill, or a penalty makes the weights grow.",
        "Subtract alpha times the gradient, with output - target as the error.",
    ),
    "gradient_scale": Cause(
        "One layer hardly learns, or diverges.",
        "One parameter's gradient is scaled differently from the others', or all of them differently from the loss's.",
        "Divide by the number of samples exactly once, in every layer.",
    ),
    "activation_derivative": Cause(
        "The network learns poorly, and deeper networks more so.",
        "A layer's error matches a factor other than the derivative of its activation at its pre-activations.",
        "Multiply by the derivative, evaluated at the pre-activations.",
    ),
    "transposed_product": Cause(
        "A network with a square layer does not learn.",
        "The gradient of the weights matches the transpose of the correct one.",
        "Order the factors to match the shape of the weights.",
    ),
    "wrong_layer_input": Cause(
        "A layer does not learn.",
        "The gradient of the weights contains the layer's error, but not its input.",
        "Multiply the error by the layer's input.",
    ),
    "error_not_carried": Cause(
        "The lower layers learn nothing useful.",
        "A layer's error was not propagated through the transposed weights of the layer above.",
        "Propagate the error of the layer above through that layer's weights.",
    ),
    "bias_gradient": Cause(
        "Biases drift, or change shape.",
        "The update of the biases is not the layer's error summed over the samples.",
        "Sum the error over the samples.",
    ),
    "loss_mismatch": Cause(
        "The printed loss says little about what is learned.",
        "The update minimises a different loss from the printed one, or no standard loss.",
        "Minimise the loss that you print.",
    ),
    "update_order": Cause(
        "The gradients of all layers but the last are slightly wrong.",
        "A layer's error was propagated through weights that had already been updated.",
        "Compute all gradients before updating anything.",
    ),
    "accumulator_not_reset": Cause(
        "Steps keep growing.",
        "The second of two steps repeats the first and adds the new gradient.",
        "Reset accumulated gradients to zero at the start of each step.",
    ),
    "optimiser": Cause(
        "Steps vanish, explode, or reverse.",
        "The gradients are correct, but no standard update rule explains the steps.",
        "Compare the update rule with the paper, line by line.",
    ),
    "parameter_not_updated": Cause(
        "A layer keeps its initial values.",
        "A parameter that forward reads is unchanged after a step.",
        "Assign the new value to the variable that forward reads.",
    ),
    "broadcast": Cause(
        "Shapes grow, or all outputs approach the mean.",
        "The update matches a table of all pairs of samples, or one number in place of an array.",
        "Give both operands the same shape.",
    ),
    "samples_mix": Cause(
        "A sample's output depends on its batch.",
        "A sample's output changes with the other samples, or an update sums over samples before multiplying.",
        "Look for sums, means and norms along the wrong axis.",
    ),
}

IN_THE_SETTINGS: dict[str, Cause] = {
    "softmax_unshifted": Cause(
        "`exp` overflows, and everything becomes nan.",
        "The outputs are not finite where those of a shifted softmax are.",
        "Subtract each sample's maximum before `exp`.",
    ),
    "targets_out_of_range": Cause(
        "The loss stays high, and outputs stick to their limits.",
        "Targets lie outside the range of the last activation, or are far too large to learn.",
        "Scale the targets, or change the last activation.",
    ),
    "labels": Cause(
        "One class is never learned.",
        "Labels are out of range, or one-hot rows have no class.",
        "Number the classes from 0.",
    ),
    "labels_constant": Cause(
        "All predictions are correct.", "There is only one class.", "Check the code that reads the labels."
    ),
    "class_missing": Cause(
        "A class is never predicted.",
        "No training image belongs to it.",
        "Add images of it, or renumber the classes.",
    ),
    "data_scrambled": Cause(
        "The network learns nothing, or only memorises.",
        "Neighbours, or the nearest class mean, predict targets no better than chance; or rows occur twice.",
        "Shuffle inputs and targets with the same permutation.",
    ),
    "inputs_not_scaled": Cause(
        "Units saturate or die within a few updates.",
        "The inputs are large or differ widely in scale, and training on scaled inputs works.",
        "Divide pixels by 255, or standardise the inputs.",
    ),
    "inputs_too_small": Cause(
        "The network learns, but slowly.",
        "The root mean square of the inputs is far below 1, and alpha would suit inputs of size 1.",
        "Divide digits by 16 instead of 255, or standardise the inputs.",
    ),
    "weights_too_large": Cause(
        "The first loss is far above that of guessing.",
        "Units start saturated, or the signal grows from layer to layer; freshly drawn weights learn.",
        "Scale initial weights by the number of inputs: He or Glorot.",
    ),
    "weights_too_small": Cause(
        "The loss stays on a plateau at the level of guessing.",
        "The hidden layers' gradient is tiny compared with that at freshly drawn weights.",
        "Scale initial weights by the number of inputs: He or Glorot.",
    ),
    "symmetric_initialisation": Cause(
        "Hidden units stay identical.",
        "All units of a layer start with the same incoming and outgoing weights.",
        "Draw the weights at random.",
    ),
    "no_bias": Cause(
        "A threshold is never learned.", "The best fit with biases is far better than without.", "Add biases."
    ),
    "network_too_small": Cause(
        "The loss levels off well above 0.",
        "A larger network fits far better, or a layer is narrower than the classes need.",
        "Use more hidden units, and an activation between layers.",
    ),
    "network_too_deep": Cause(
        "All images give the same output.",
        "The sum of 1 / width over the hidden layers is large.",
        "Use fewer or wider layers.",
    ),
    "alpha_too_large": Cause(
        "The loss jumps or climbs.",
        "The loss falls with a tenth of alpha, or alpha exceeds the stable alpha.",
        "Use a smaller alpha.",
    ),
    "alpha_too_small": Cause(
        "The loss does not change in its first four digits.",
        "The loss falls with longer steps, or alpha is far below the stable alpha.",
        "Use a larger alpha.",
    ),
    "summed_gradients": Cause(
        "The loss jumps or climbs.",
        "alpha would be stable for mean gradients.",
        "Use mean gradients, or a smaller alpha.",
    ),
    "batch_too_small": Cause(
        "The loss is erratic.",
        "The batch is far below the critical size for this alpha.",
        "Use larger batches, or a smaller alpha.",
    ),
    "dead_relus": Cause(
        "All predictions are the same class.",
        "Nearly all units of a layer are off for every image.",
        "Use fewer or wider layers, and init=he.",
    ),
    "too_few_iterations": Cause(
        "The network is still learning.",
        "The loss is still falling steadily at the end.",
        "Use more iterations.",
    ),
    "overfitting": Cause(
        "The validation loss rises.",
        "It rises while the training loss falls, and validation accuracy drops.",
        "Stop earlier.",
    ),
    "unknown": Cause(
        "Training failed.",
        "No other cause applies.",
        "Check images and labels; try other layers or another alpha.",
    ),
}

CATALOGUE = IN_THE_CODE | IN_THE_SETTINGS


def as_markdown() -> str:
    """The catalogue as a Markdown page."""
    lines = ["# The causes that the doctor names", ""]
    lines += ["Generated from `pipeline/core/diagnosis/catalogue.py` by `python -m pipeline.doctor --causes`.", ""]
    for title, causes in (("In the code", IN_THE_CODE), ("In the data, settings and numerics", IN_THE_SETTINGS)):
        lines += [f"## {title}", "", "| cause | what you see | how it is detected | fix |", "|---|---|---|---|"]
        lines += [f"| `{name}` | {cause.sign} | {cause.test} | {cause.fix} |" for name, cause in causes.items()]
        lines.append("")
    return "\n".join(lines)
