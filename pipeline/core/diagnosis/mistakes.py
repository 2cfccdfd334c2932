"""The mistakes in a network's code that checks tell apart: for each its test, its sentence and its advice.

They stand in the order in which they are asked for: a wrong softmax makes for a wrong gradient, too.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from pipeline.core.diagnosis.code import CodeCheck


class Mistake(NamedTuple):
    """A mistake that people make."""

    name: str
    part: Literal["softmax", "gradient"]
    is_in: Callable[[CodeCheck], bool]
    sentence: str  # with the names of what was checked in braces
    advice: str
    shows_in_overflow: bool = False  # and does no harm before

    def said(self, check: CodeCheck) -> str:
        """The sentence, with the numbers that were found."""
        return self.sentence.format(**check._asdict())


MISTAKES = (
    Mistake(
        "softmax_over_samples",
        "softmax",
        lambda check: check.softmax.sums_over == "samples",
        "The softmax sums over the samples: each class's probabilities add up to 1 over the batch, and not each "
        "sample's over the classes.",
        "Sum over the classes: with a row for each sample, `np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)`. Before "
        "that, take each row's largest z off the row.",
    ),
    Mistake(
        "no_softmax",
        "softmax",
        lambda check: check.softmax.sums_over == "neither",
        "What should be probabilities does not add up to 1, for no sample and for no class.",
        "End with a softmax: with a row for each sample, `np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)`.",
    ),
    Mistake(
        "gradient_sign",
        "gradient",
        lambda check: check.gradient.mistake == "sign",
        "The gradient has the wrong sign, so each update climbs the loss.",
        "The gradient at the logits is probabilities less labels, and the update takes alpha times it off.",
    ),
    Mistake(
        "gradient_without_mean",
        "gradient",
        lambda check: check.gradient.mistake == "scale",
        "The gradient is {gradient.scale:.4g} times that of the loss, for a batch of {images} samples.",
        "Let both be means over the samples, or both sums: a division by their number is missing, or one too many.",
    ),
    Mistake(
        "relu_mask_missing",
        "gradient",
        lambda check: check.gradient.mistake == "relu",
        "The gradient passes ReLUs that are off: it is right where all of them are on, and wrong elsewhere.",
        "On its way back, multiply the gradient by (z > 0), where z is what went into the ReLU.",
    ),
    Mistake(
        "transposed_product",
        "gradient",
        lambda check: check.gradient.mistake == "product",
        "What carries the gradient back to the hidden layers is wrong, even where every ReLU is on, while the last "
        "layer's gradient is right.",
        "The gradient at a layer's inputs is `delta @ W.T`, and a reshape to the same shape is no transpose. Then "
        "it is multiplied by the derivative of the activation.",
    ),
    Mistake(
        "wrong_gradient",
        "gradient",
        lambda check: check.gradient.mistake == "other",
        "The gradient is not that of the loss.",
        "Compare the gradient with central differences, from the last layer backwards, until it agrees.",
    ),
    Mistake(
        "softmax_unshifted",
        "softmax",
        lambda check: check.softmax.overflows,
        "The softmax takes exp of the logits as they are, which overflows where they are large.",
        "Take each row's largest logit off the row before `np.exp`: the softmax stays the same, and no exponent is "
        "above 0.",
        shows_in_overflow=True,
    ),
)
