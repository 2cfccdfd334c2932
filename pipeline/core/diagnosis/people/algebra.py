"""Compares an update with back-propagation, from the top layer down, to find which factor of which layer is wrong.

Each layer is judged by the errors that the script actually has above it. So the first wrong layer is the cause, and
those below it are blamed only for mistakes of their own. Single samples reveal each factor; batches reveal the sums.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.backward import (
    Place,
    Variant,
    bias_before,
    bias_variants,
    carry_variants,
    product_variants,
    slope_variants,
)
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.layout import Layout
from pipeline.core.diagnosis.people.lines import lines_of
from pipeline.core.diagnosis.people.matching import CLOSE, Fit, fit, is_sign_step
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.output_errors import Loss, OutputError, right_errors, wrong_errors
from pipeline.core.diagnosis.people.twin import Twin
from pipeline.core.diagnosis.people.whole import errors_of, uneven, wrong_signs


class Candidate(NamedTuple):
    """A candidate for a layer's error."""

    errors: list[Array]  # (k, units), one per update
    wrong: list[tuple[str, str]]  # causes, and what is wrong; empty for the correct error
    top: OutputError | None = None  # the error at the last layer


@dataclass
class Algebra:
    """What is known about an update."""

    findings: list[Finding] = field(default_factory=list)
    top: OutputError | None = None  # the error at the last layer, if known
    scales: dict[str, Fit] = field(default_factory=dict)  # of each parameter with a correct gradient
    is_explained: bool = True  # by some known rule, correct or not

    @property
    def loss(self) -> Loss | None:
        """The loss that the update minimises."""
        return self.top.loss if self.top else None


class Judge:
    """Checks each layer of a network in turn, from the top down."""

    def __init__(
        self, twin: Twin, layout: Layout, seen: list[Observation], prefers: Loss | None, close: float = CLOSE
    ) -> None:
        self.twin, self.layout, self.seen, self.prefers, self.close = twin, layout, seen, prefers, close
        self.above: list[dict[int, Array]] = [{} for _ in seen]
        self.is_sign_step = is_sign_step([one.change(leaf) for one in seen for leaf in twin.parameters])
        self.found = Algebra()

    def judge(self) -> Algebra:
        """Judge every layer, then what shows only across layers."""
        for depth in reversed(range(len(self.twin.layers))):
            self.judge_layer(depth)
        self.found.findings += wrong_signs(self.found.scales) or uneven(self.found.scales)
        return self.found

    def places(self, depth: int) -> list[Place]:
        """The layer in each update."""
        pairs = zip(self.seen, self.above, strict=True)
        return [Place(self.twin, depth, seen, above) for seen, above in pairs]

    def judge_layer(self, depth: int) -> None:
        """Find the layer's error, and compare the gradients of its weights and biases with those that it implies."""
        weights, biases = self.weight_changes(depth), self.bias_changes(depth)
        chosen = self.choose(depth, weights, biases)
        if chosen is None:
            self.found.is_explained = False
            assert weights is not None
            self.unknown_error(depth, self.right_candidates(depth)[0].errors, weights)
            return
        candidate, variant = chosen
        self.found.top = candidate.top or self.found.top
        for place, error in zip(self.above, candidate.errors, strict=True):
            place[depth] = error
        self.blame(depth, candidate, variant)
        self.judge_bias(depth, candidate, biases)

    def blame(self, depth: int, candidate: Candidate, variant: Variant | None) -> None:
        """Report what is wrong with the layer's error, and with the product that uses it."""
        lines = lines_of(self.twin, self.layout, depth, self.found.loss)
        name = self.twin.layers[depth].weights.name
        for cause, text in candidate.wrong:
            evidence = f"The error of layer {depth + 1} {text}. This explains the update of {name}."
            self.found.findings.append(Finding(cause, f"layer {depth + 1}", evidence, f"`{lines.error}`"))
        if variant is not None and variant.cause:
            evidence = f"The gradient of {name} {variant.text}. This explains its update."
            self.found.findings.append(Finding(variant.cause, name, evidence, f"`{lines.weights}`"))

    def weight_changes(self, depth: int) -> list[Array] | None:
        """What each update added to the weights (inputs, units); None if nothing, or if the shape changed."""
        layer = self.twin.layers[depth]
        if any(one.reshaped(layer.weights) for one in self.seen):
            return None
        changes = [layer.without_ones(layer.matrix(one.change(layer.weights))) for one in self.seen]
        return changes if any(change.any() for change in changes) else None

    def bias_changes(self, depth: int) -> list[Array] | None:
        """What each update added to the biases (units,), or to one shared bias; None as for the weights."""
        layer = self.twin.layers[depth]
        leaf = layer.bias or layer.weights
        if any(one.reshaped(leaf) for one in self.seen):
            return None
        if layer.bias is not None:
            changes = [one.change(layer.bias).ravel() for one in self.seen]
        elif layer.ones:
            changes = [layer.row_of_biases(layer.matrix(one.change(layer.weights))) for one in self.seen]
        else:
            return None
        return changes if any(change.any() for change in changes) else None

    def right_candidates(self, depth: int) -> list[Candidate]:
        """The correct error of a layer; at the top, one for each usual loss, starting with the one that is printed."""
        if depth < len(self.twin.layers) - 1:
            return self.made_of(depth, carry_variants(self.twin, depth)[0], slope_variants(self.twin, depth)[0])
        usual = right_errors(self.twin.layers[-1].activation)
        errors = sorted(usual, key=lambda error: error.loss != self.prefers)
        return [candidate for error in errors for candidate in self.at_the_top(error)]

    def wrong_candidates(self, depth: int) -> Iterator[Candidate]:
        """Wrong errors that the layer may have: with one wrong factor, then with two, then those of other layers."""
        if depth == len(self.twin.layers) - 1:
            for error in wrong_errors(self.twin.layers[-1].activation):
                yield from self.at_the_top(error)
            for error in right_errors(self.twin.layers[-1].activation):
                yield from self.of_other_layers(depth, error)
            return
        _, *pairs = sorted(
            product(carry_variants(self.twin, depth), slope_variants(self.twin, depth)),
            key=lambda variants: sum(bool(variant.cause) for variant in variants),
        )
        for carry, slope in pairs:
            yield from self.made_of(depth, carry, slope)
        if self.found.top:
            yield from self.of_other_layers(depth, self.found.top)

    def made_of(self, depth: int, carry: Variant, slope: Variant) -> list[Candidate]:
        """The error with these two factors, if the shapes fit in every update."""
        places = self.places(depth)
        errors = [one for place in places if (one := with_slope(place, carry, slope)) is not None]
        wrong = [(variant.cause, variant.text) for variant in (carry, slope) if variant.cause]
        return [Candidate(errors, wrong)] if len(errors) == len(places) else []

    def at_the_top(self, error: OutputError) -> list[Candidate]:
        """An error at the last layer, if it is finite in every update."""
        errors = [error.of(*at_the_end(seen)) for seen in self.seen]
        wrong = [(error.cause, error.text)] if error.cause else []
        return [Candidate(errors, wrong, error)] if all(np.isfinite(one).all() for one in errors) else []

    def of_other_layers(self, depth: int, top: OutputError) -> list[Candidate]:
        """The correct errors of lower layers with as many units."""
        candidates = []
        units = self.seen[0].run.sums[depth].shape[1]
        for other in range(depth):
            if self.seen[0].run.sums[other].shape[1] == units:
                errors = [errors_of(self.twin, top, seen)[other] for seen in self.seen]
                candidates.append(Candidate(errors, [("error_not_carried", f"is that of layer {other + 1}")], top))
        return candidates

    def choose(
        self, depth: int, weights: list[Array] | None, biases: list[Array] | None
    ) -> tuple[Candidate, Variant | None] | None:
        """The simplest error and product that explain the update of the weights.

        If the weights don't move, the biases reveal the error; if nothing moves, it is assumed correct.
        """
        right = self.right_candidates(depth)
        if weights is None:
            of_bias = bias_variants(self.twin, depth)[0]
            every = (*right, *self.wrong_candidates(depth)) if biases else ()
            return next((one for one in every if self.bias_fit(depth, one, biases or [], of_bias)), right[0]), None
        tries = self.tries(depth, right, weights)
        return next((one for one in tries if self.weight_fit(depth, *one, weights)), None)

    def tries(self, depth: int, right: list[Candidate], weights: list[Array]) -> Iterator[tuple[Candidate, Variant]]:
        """Pairs of error and product, fewest mistakes first. Both are wrong only if the inputs don't match."""
        right_product, *wrong_products = product_variants(self.twin, depth)
        yield from ((candidate, right_product) for candidate in right)
        single = [variant for variant in wrong_products if variant.cause != "samples_mix"]
        yield from ((candidate, variant) for variant in single for candidate in right)
        wrong = list(self.wrong_candidates(depth))
        yield from ((candidate, right_product) for candidate in wrong)
        if not self.have_right_inputs(depth, weights):
            yield from ((candidate, variant) for variant in wrong_products for candidate in wrong)

    def have_right_inputs(self, depth: int, changes: list[Array]) -> bool:
        """Whether each update on a single sample is the layer's inputs times something."""
        pairs = list(zip(self.places(depth), changes, strict=True))
        return all(len(place.seen.x) == 1 and follows_inputs(place, change) for place, change in pairs)

    def weight_fit(self, depth: int, candidate: Candidate, variant: Variant, changes: list[Array]) -> Fit | None:
        """How the update of the weights follows this gradient, if it does."""
        before = [self.twin.weights(one.before, depth) for one in self.seen]
        found = fit(changes, self.gradients(depth, candidate, variant), before, self.is_sign_step, self.close)
        if found and not candidate.wrong and not variant.cause:
            self.found.scales[self.twin.layers[depth].weights.name] = found
        return found

    def bias_fit(self, depth: int, candidate: Candidate, changes: list[Array], variant: Variant) -> Fit | None:
        """How the update of the biases follows this gradient, if it does; a shared bias gets the sum over units."""
        gradients = self.gradients(depth, candidate, variant)
        if gradients and changes[0].size == 1:
            gradients = [gradient.sum(keepdims=True) for gradient in gradients]
        found = fit(
            changes, gradients, [bias_before(place) for place in self.places(depth)], self.is_sign_step, self.close
        )
        if found and not candidate.wrong and not variant.cause:
            self.found.scales[self.bias_name(depth)] = found
        return found

    def gradients(self, depth: int, candidate: Candidate, variant: Variant) -> list[Array]:
        """The gradient that a factor and an error give in each update; empty if shapes don't fit."""
        pairs = zip(self.places(depth), candidate.errors, strict=True)
        gradients = [variant.of(place, error) for place, error in pairs]
        known = [gradient for gradient in gradients if gradient is not None]
        return known if len(known) == len(gradients) else []

    def bias_name(self, depth: int) -> str:
        """What to call a layer's biases."""
        layer = self.twin.layers[depth]
        return layer.bias.name if layer.bias else f"the biases in {layer.weights.name}"

    def judge_bias(self, depth: int, candidate: Candidate, changes: list[Array] | None) -> None:
        """Compare the update of the biases with the layer's error."""
        if changes is None:
            return
        right, *wrong = bias_variants(self.twin, depth)
        if self.bias_fit(depth, candidate, changes, right):
            return
        name = self.bias_name(depth)
        line = lines_of(self.twin, self.layout, depth, self.found.loss).bias
        variant = next((variant for variant in wrong if self.bias_fit(depth, candidate, changes, variant)), None)
        self.found.is_explained &= variant is not None
        text = variant.text if variant else "does not use the layer's error, although that of the weights does"
        self.found.findings.append(Finding("bias_gradient", name, f"The gradient of {name} {text}.", f"`{line}`"))

    def unknown_error(self, depth: int, expected: list[Array], changes: list[Array] | None) -> None:
        """Report which factor of the weights' gradient is wrong, as far as rows and columns reveal it."""
        places, name = self.places(depth), self.twin.layers[depth].weights.name
        lines = lines_of(self.twin, self.layout, depth, self.found.loss)
        assert changes is not None
        for above, error in zip(self.above, expected, strict=True):
            above[depth] = error
        pairs = list(zip(places, expected, changes, strict=True))
        if self.have_right_inputs(depth, changes):
            is_top = depth == len(self.twin.layers) - 1
            for above, (place, _, change) in zip(self.above, pairs, strict=True):
                above[depth] = -implied_error(place, change)
            if is_top and self.is_custom_loss(pairs):
                self.found.is_explained = True
                self.found.top = OutputError(lambda z, a, t: a - t, "a custom loss")
            else:
                self.found.findings.append(self.finding_for_unknown_error(depth, pairs, lines.error))
            return
        if all(len(error) == 1 and follows_error(error, change) for _, error, change in pairs):
            evidence = f"On single samples, the update of {name} is the layer's error times something other than its "
            self.found.findings.append(Finding("wrong_layer_input", name, evidence + "inputs.", f"`{lines.weights}`"))
            return
        evidence = f"The update of {name} contains neither the layer's inputs nor its error."
        cause = "loss_mismatch" if depth == len(self.twin.layers) - 1 else "error_not_carried"
        self.found.findings.append(Finding(cause, f"layer {depth + 1}", evidence, f"`{lines.error}`"))

    def is_custom_loss(self, pairs: list[tuple[Place, Array, Array]]) -> bool:
        """Whether the error of linear outputs grows with output - target and has its sign, as for Huber's loss."""
        if self.twin.layers[-1].activation.name != "identity":
            return False
        differences = np.concatenate([place.seen.run.outputs[-1] - place.seen.targets for place, _, _ in pairs]).ravel()
        errors = np.concatenate([-implied_error(place, change) for place, _, change in pairs]).ravel()
        in_order = errors[np.argsort(differences)]
        grows = (np.diff(in_order) >= -1e-6 * np.abs(errors).max()).all()
        return bool(grows and (np.sign(errors) == np.sign(differences)).all())

    def finding_for_unknown_error(self, depth: int, pairs: list[tuple[Place, Array, Array]], line: str) -> Finding:
        """The finding for a layer with correct inputs and an unknown error."""
        where, is_top = f"layer {depth + 1}", depth == len(self.twin.layers) - 1
        if is_top:
            differences = [place.seen.run.outputs[depth] - place.seen.targets for place, _, _ in pairs]
            if self.is_slope(depth, pairs, differences):
                evidence = (
                    f"The error of {where} is output - target times a function of z other than the derivative of "
                )
                evidence += f"the {self.twin.layers[depth].activation.name}."
                return Finding("activation_derivative", where, evidence, f"`{line}`")
            evidence = f"The error of {where} is not the derivative of any standard loss for these outputs and targets."
            return Finding("loss_mismatch", where, evidence, f"`{line}`")
        backs = [place.above[depth + 1] @ self.twin.weights(place.seen.before, depth + 1).T for place, _, _ in pairs]
        if self.is_slope(depth, pairs, backs):
            name = self.twin.layers[depth].activation.name
            evidence = f"The error of {where} is the propagated error times a function of z other than the {name}'s "
            return Finding("activation_derivative", where, evidence + "derivative.", f"`{line}`")
        evidence = f"The error of {where} is not that of the layer above, propagated through its weights."
        return Finding("error_not_carried", where, evidence, f"`{line}`")

    def is_slope(self, depth: int, pairs: list[tuple[Place, Array, Array]], before: list[Array]) -> bool:
        """Whether the error is `before` times a function of the layer's pre-activations."""
        ratios = [implied_error(place, change) / back for (place, _, change), back in zip(pairs, before, strict=True)]
        sums = [place.seen.run.sums[depth] for place, _, _ in pairs]
        return is_function_of(np.concatenate(sums).ravel(), np.concatenate(ratios).ravel())


def with_slope(place: Place, carry: Variant, slope: Variant) -> Array | None:
    """A layer's errors (k, units) with these two factors, or None if shapes don't fit."""
    back = carry.of(place)
    if back is None or back.shape != place.seen.run.sums[place.depth].shape:
        return None
    error = slope.of(place, back)
    return error if error is not None and np.isfinite(error).all() else None


def at_the_end(seen: Observation) -> tuple[Array, Array, Array]:
    """Pre-activations, outputs and targets of the last layer."""
    return seen.run.sums[-1], seen.run.outputs[-1], seen.targets


def follows_inputs(place: Place, change: Array) -> bool:
    """Whether the update on one sample is its inputs times something."""
    layer = place.twin.layers[place.depth]
    inputs = layer.without_ones(place.seen.run.inputs[place.depth].T)
    left = change - inputs @ (inputs.T @ change) / np.square(inputs).sum()
    return bool(np.linalg.norm(left) <= 1e-4 * np.linalg.norm(change))


def follows_error(error: Array, change: Array) -> bool:
    """Whether the update on one sample is something times its error."""
    left = change - (change @ error.T) @ error / np.square(error).sum()
    return bool(np.linalg.norm(left) <= 1e-4 * np.linalg.norm(change))


def implied_error(place: Place, change: Array) -> Array:
    """The error (1, units) in an update on one sample, up to alpha."""
    layer = place.twin.layers[place.depth]
    inputs = layer.without_ones(place.seen.run.inputs[place.depth].T)
    left: Array = inputs.T @ change / np.square(inputs).sum()
    return left


def is_function_of(z: Array, ratio: Array) -> bool:
    """Whether the ratio is a smooth function of z: neighbours in z then have similar ratios."""
    known = np.isfinite(ratio)
    ratio = ratio[known][np.argsort(z[known])]
    if ratio.size < 20 or not np.ptp(ratio):
        return False
    steps = np.abs(np.diff(ratio)).sum()
    shuffled = np.abs(np.diff(np.random.default_rng(0).permutation(ratio))).sum()
    return bool(steps < 0.3 * shuffled)
