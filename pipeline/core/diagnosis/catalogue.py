"""Every cause that the doctor names: how it shows, how it is told, and what mends it.

Those of the code and the script are found in people's networks, those of settings in trainings of this pipeline, and
what has both is found in both. `docs/causes.md` is made of this by `python -m pipeline.doctor --causes`.
"""

from typing import NamedTuple


class Cause(NamedTuple):
    """What is to be said of a cause, whichever network has it."""

    sign: str  # what people see
    test: str  # how it is known
    mended: str


IN_THE_CODE: dict[str, Cause] = {
    "softmax_over_samples": Cause(
        "Every prediction becomes one class.",
        "Each class's answers sum to 1 over the batch, and not each sample's.",
        "Sum over the classes, with keepdims=True.",
    ),
    "softmax_over_everything": Cause(
        "Answers shrink as the batch grows.",
        "The answers of the whole batch sum to 1.",
        "Sum over the classes, with keepdims=True.",
    ),
    "no_softmax": Cause(
        "The loss is not finite, or has no bound below.",
        "Scores that do not sum to 1 stand where probabilities belong.",
        "End with a softmax.",
    ),
    "gradient_sign": Cause(
        "The loss climbs from the first update on.",
        "The update is the gradient, times a number below 0; or a penalty makes weights grow.",
        "Take alpha times the gradient off, with output - target as the error.",
    ),
    "gradient_scale": Cause(
        "One layer hardly learns, or runs away.",
        "One parameter's update is another multiple of its gradient than the others'; or all are one of the loss's.",
        "Divide by the number of samples once, in every layer.",
    ),
    "activation_derivative": Cause(
        "It learns badly, and the deeper the worse.",
        "A layer's error fits with another factor than the derivative of its activation at its sums.",
        "Multiply by the derivative, at the sums that went into the activation.",
    ),
    "transposed_product": Cause(
        "It does not learn, where a layer is square.",
        "The gradient of the weights fits the right one turned.",
        "Write the product the way the weights lie.",
    ),
    "wrong_layer_input": Cause(
        "A layer does not learn.",
        "The gradient of the weights has the layer's error, and something else than its inputs.",
        "Multiply the error by what went into the layer.",
    ),
    "error_not_carried": Cause(
        "The layers below learn nothing useful.",
        "A layer's error fits another way back than through the weights above it, transposed.",
        "Carry the error of the layer above back through that layer's weights.",
    ),
    "bias_gradient": Cause(
        "Biases drift, or change their shape.",
        "The biases' update is not the layer's error, summed over the samples.",
        "Sum the error over the samples.",
    ),
    "loss_mismatch": Cause(
        "The printed loss says little of what is learned.",
        "The update is that of another loss than the printed one, or of none that is usual.",
        "Descend the loss that you print.",
    ),
    "update_order": Cause(
        "Slightly wrong gradients in all layers but the last.",
        "A layer's error fits the weights above it as they are after their update.",
        "Compute all gradients before the first update.",
    ),
    "accumulator_not_reset": Cause(
        "Steps grow from one to the next.",
        "The second of two steps is the first once more, less alpha times the new gradient.",
        "Set sums of gradients to zero at the start of each step.",
    ),
    "optimiser": Cause(
        "Steps die away, explode, or turn back.",
        "The gradients are right, and steps follow from them by no usual rule.",
        "Compare the rule with its paper, line by line.",
    ),
    "parameter_not_updated": Cause(
        "A layer stays as it was drawn.",
        "A parameter that forward reads is the same after a step.",
        "Assign the new value to what forward reads.",
    ),
    "broadcast": Cause(
        "Shapes grow, or all outputs become the mean.",
        "The update fits a table of all pairs of samples, or a number where an array belongs.",
        "Give both sides the same shape before they meet.",
    ),
    "samples_mix": Cause(
        "Answers depend on which batch a sample is in.",
        "A sample's answer changes with the others; or an update fits sums over them before their product.",
        "Look for sums, means and norms along the wrong axis.",
    ),
}

IN_THE_SETTINGS: dict[str, Cause] = {
    "softmax_unshifted": Cause(
        "`exp` overflows, and all becomes nan.",
        "The answers are not finite, where those of a shifted softmax are.",
        "Take each sample's largest sum off before `exp`.",
    ),
    "targets_out_of_range": Cause(
        "The loss stays high, and outputs stick to their limits.",
        "Targets lie beyond what the last activation gives, or are far too large to be learned.",
        "Scale the targets, or change the last activation.",
    ),
    "labels": Cause(
        "One class is never learned.",
        "Labels beyond the classes that there are, or one-hot rows without one.",
        "Number the classes from 0 on.",
    ),
    "labels_constant": Cause("All predictions are right.", "There is one class alone.", "Look at how labels are read."),
    "class_missing": Cause(
        "A class is never predicted.", "No training image has it.", "Add images of it, or number the classes anew."
    ),
    "data_scrambled": Cause(
        "It learns nothing, or only by heart.",
        "Neighbours, or the nearest class mean, know no more of the targets than chance; or rows stand there twice.",
        "Shuffle inputs and targets by one permutation.",
    ),
    "inputs_not_scaled": Cause(
        "Units saturate or die within a few updates.",
        "The inputs are large or of unlike size; scaled ones are learned from.",
        "Divide pixels by 255, or take mean and deviation out.",
    ),
    "inputs_too_small": Cause(
        "It learns, but slowly.",
        "The root mean square of the inputs is far below 1, and alpha would do for 1.",
        "Divide digits by 16 and not by 255, or take mean and deviation out.",
    ),
    "weights_too_large": Cause(
        "The first loss is far above that of a guess.",
        "Units are saturated at the start, or the signal grows from layer to layer; drawn weights learn.",
        "Draw weights by the number of inputs: He or Glorot.",
    ),
    "weights_too_small": Cause(
        "A plateau at the loss of a guess.",
        "The hidden layers' gradient is next to nothing, next to that at drawn weights.",
        "Draw weights by the number of inputs: He or Glorot.",
    ),
    "symmetric_initialisation": Cause(
        "Hidden units stay alike.",
        "The weights to and from the units of a layer are the same at the start.",
        "Draw weights at random.",
    ),
    "no_bias": Cause(
        "A threshold is never learned.", "The best fit with biases is far better than that without.", "Add biases."
    ),
    "network_too_small": Cause(
        "The loss stands still, well above 0.",
        "The best fit of a larger network is far better; or a layer is narrower than the classes need.",
        "Take more hidden units, and an activation between layers.",
    ),
    "network_too_deep": Cause(
        "All images give the same answer.",
        "1 / width adds up to much over the hidden layers.",
        "Take fewer or wider layers.",
    ),
    "alpha_too_large": Cause(
        "The loss jumps or climbs.",
        "With a tenth of alpha, it falls; or alpha is beyond the stable one.",
        "A smaller alpha.",
    ),
    "alpha_too_small": Cause(
        "The loss is the same to four digits.",
        "Longer steps make it fall; or alpha is far below the stable one.",
        "A larger alpha.",
    ),
    "summed_gradients": Cause(
        "The loss jumps or climbs.", "alpha would be stable for the mean.", "Mean gradients, or a smaller alpha."
    ),
    "batch_too_small": Cause(
        "The loss jumps about.",
        "The batch is far below the critical size for this alpha.",
        "Larger batches, or a smaller alpha.",
    ),
    "dead_relus": Cause(
        "All predictions are one class.",
        "Nearly all units of a layer are off for every image.",
        "Fewer or wider layers, init=he.",
    ),
    "too_few_iterations": Cause("It still learns.", "The loss falls at the end at a good pace.", "More iterations."),
    "overfitting": Cause(
        "The validation loss rises.",
        "It rises while the training loss falls, and validation images are unlearned.",
        "Fewer iterations.",
    ),
    "unknown": Cause("It failed.", "No other cause holds.", "Look at images and labels; other layers, another alpha."),
}

CATALOGUE = IN_THE_CODE | IN_THE_SETTINGS


def as_markdown() -> str:
    """The causes as a page to be read."""
    lines = ["# The causes that the doctor names", ""]
    lines += ["Made from `pipeline/core/diagnosis/catalogue.py` by `python -m pipeline.doctor --causes`.", ""]
    for title, causes in (("In the code", IN_THE_CODE), ("In the data and the settings", IN_THE_SETTINGS)):
        lines += [f"## {title}", "", "| cause | how it shows | how it is known | what mends it |", "|---|---|---|---|"]
        lines += [f"| `{name}` | {cause.sign} | {cause.test} | {cause.mended} |" for name, cause in causes.items()]
        lines.append("")
    return "\n".join(lines)
