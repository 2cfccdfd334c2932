"""The settings of a script whose update is right: its inputs, its weights, its alpha, and the size of its network.

Each is found by changing it alone. Where the script's own step learns with other inputs, other weights or another
alpha, and does not with its own, that is the cause. What makes no difference is no fault, however odd it looks.
"""

import numpy as np

from pipeline.core.arrays import Array
from pipeline.core.diagnosis.people.course import Course, Trainer
from pipeline.core.diagnosis.people.findings import Finding
from pipeline.core.diagnosis.people.fitted import fitted_loss, redrawn, standardised, with_biases, with_hidden_layer
from pipeline.core.diagnosis.people.observation import Observation
from pipeline.core.diagnosis.people.output_errors import OutputError
from pipeline.core.diagnosis.people.script import Values
from pipeline.core.diagnosis.people.whole import gradient_of

LEARNS = 0.15  # of the loss of a guess, by which a course must fall below it
MOVES = 0.03  # of the loss at the start, by which a course must fall below that
STANDS = 0.05  # of the loss of a guess, within which a course has learned nothing
LARGE, UNLIKE = 10.0, 30.0  # inputs, and the ratio of the spreads of two inputs
SMALL = 0.02  # the largest input
SLOW = 3e-4  # of the loss, in a hundred updates
FLAT = 0.02  # of the gradient of drawn weights, squared
BETTER = 0.7  # of the loss that its own settings end at
WIDER = 6
SATURATED = 0.1  # of the steepest slope, that of a layer's units on average
HIDDEN = 16  # units of a layer for a network that has none
SEEDS = (1, 2, 3)


class Settings:
    """The settings of one script, on its own data."""

    def __init__(self, trainer: Trainer, top: OutputError) -> None:
        self.trainer, self.top = trainer, top
        self.own = trainer.train()
        self.reference = min(self.own.first, trainer.guess()) if np.isfinite(self.own.first) else trainer.guess()

    def learns(self, course: Course) -> bool:
        """Whether a course ended well below a guess, or far below where it began."""
        guess = self.trainer.guess()
        knows = course.last < (1 - LEARNS) * guess and (
            course.last < (1 - MOVES) * course.first or course.last < guess / 4
        )
        still_falls = course.last > guess and course.last < 0.8 * course.losses[len(course.losses) // 2]
        return (knows or still_falls) and course.last < 2 * min(course.losses)

    def findings(self) -> list[Finding]:
        """The first setting that is wrong, if the course is."""
        found = self.symmetry()
        is_saturated = self.is_saturated(self.trainer.start, self.trainer.rows)
        if found or (self.learns(self.own) and not self.own.overflowed and not is_saturated):
            return found
        weights_first = is_saturated or self.own.first > 5 * self.trainer.guess()
        large = (self.weights, self.large_alpha) if weights_first else (self.large_alpha, self.weights)
        checks = (self.overflow, self.inputs, *large, self.small_alpha, self.no_bias, self.size)
        return next((found for check in checks if (found := check())), [])

    def is_saturated(self, values: Values, rows: Array) -> bool:
        """Whether the sigmoids or tanhs of a hidden layer stand where they are flat."""
        run = self.trainer.twin.run(values, rows)
        for layer, z in zip(self.trainer.twin.layers[:-1], run.sums, strict=False):
            if layer.activation.name in ("sigmoid", "tanh", "sigmoid of 2z", "bipolar sigmoid"):
                steepest = float(layer.activation.slope(np.zeros((1, 1))).item())
                if float(layer.activation.slope(z).mean()) < SATURATED * steepest:
                    return True
        return False

    def symmetry(self) -> list[Finding]:
        """Units of a hidden layer that have the same weights, to them and from them."""
        twin, start = self.trainer.twin, self.trainer.start
        for depth, (layer, above) in enumerate(zip(twin.layers, twin.layers[1:], strict=False)):
            into = layer.matrix(start[layer.weights])
            biases = start[layer.bias].ravel() if layer.bias is not None else np.zeros(1)
            out = above.without_ones(above.matrix(start[above.weights]))
            if (
                into.shape[1] > 1
                and not np.ptp(into, axis=1).any()
                and not np.ptp(biases)
                and not np.ptp(out, axis=0).any()
            ):
                name = layer.weights.name
                evidence = (
                    f"All units of layer {depth + 1} start with the same weights, and stay alike in every update."
                )
                inputs = len(into)
                advice = f"`{name} = rng.standard_normal({start[layer.weights].shape}) * np.sqrt(2 / {inputs})`"
                return [Finding("symmetric_initialisation", name, evidence, advice)]
        return []

    def overflow(self) -> list[Finding]:
        """A softmax that takes exp of sums which are too large for it."""
        trainer = self.trainer
        course = self.own
        is_late = course.overflowed and course.updates > 1
        if not (course.overflowed or trainer.overflows(trainer.start, trainer.rows)):
            return []
        if is_late and self.learns(trainer.train(factor=0.1)) and np.abs(trainer.rows).max() < LARGE:
            return []
        largest = float(np.abs(trainer.twin.run(course.values, trainer.rows).sums[-1]).max())
        evidence = f"The answers are not finite after {course.updates} updates, where the sums reach {largest:.3g}: "
        evidence += "exp overflows above 709."
        advice = "Subtract each sample's largest sum before `np.exp`: `z - z.max(axis=..., keepdims=True)`. Then "
        return [Finding("softmax_unshifted", "softmax", evidence, advice + "scale the inputs.")]

    def inputs(self) -> list[Finding]:
        """Inputs that are large, tiny or of unlike size, where scaled ones are learned from."""
        rows = self.trainer.rows
        spreads = rows.std(axis=0)
        spreads = spreads[spreads > 0]
        largest = float(np.abs(rows).max())
        is_unlike = spreads.size > 1 and spreads.max() > UNLIKE * np.median(spreads) and largest > LARGE / 3
        if not (largest > LARGE or is_unlike or largest < SMALL):
            return []
        scaled = standardised(rows)
        starts = [self.trainer.start, *(self.drawn(seed) for seed in SEEDS)]
        better = [self.trainer.train(values, scaled) for values in starts]
        best = min(course.last for course in better)
        if not any(self.learns(course) for course in better) or best > BETTER * self.own.last:
            return []
        evidence = (
            f"The inputs reach {largest:.4g}, with spreads from {spreads.min():.3g} to {spreads.max():.3g}. On them, "
        )
        evidence += f"{self.own.updates} updates end at a loss of {self.own.last:.3g}; on scaled ones, at {best:.3g}."
        return [Finding("inputs_not_scaled", "x", evidence, "`x = (x - x.mean(axis=0)) / x.std(axis=0)`")]

    def large_alpha(self) -> list[Finding]:
        """Steps that overshoot, where shorter ones do not."""
        own = self.own
        falls = own.last < own.first * (1 - STANDS) and own.last < 1.2 * min(own.losses)
        if falls or self.learns(own):
            return []
        for factor in (0.1, 0.01, 0.001):
            shorter = self.trainer.train(factor=factor)
            if shorter.last < min(own.last, own.first) * (1 - STANDS) and own.last > min(shorter.first, shorter.last):
                if not self.overshoots():
                    return []
                evidence = (
                    f"The loss goes from {own.first:.3g} to {own.last:.3g} in {own.updates} updates; with alpha times "
                )
                evidence += f"{factor:g}, to {shorter.last:.3g}."
                return [Finding("alpha_too_large", "alpha", evidence, f"Take alpha times {factor:g}.")]
        return []

    def overshoots(self) -> bool:
        """Whether the loss rose on the way: a plateau is no overshooting."""
        losses = np.array(self.own.losses)
        return (
            not np.isfinite(losses).all()
            or bool(losses.max() > losses[0] * 1.02)
            or bool((np.diff(losses) > 0).mean() > 0.2)
        )

    def weights(self) -> list[Finding]:
        """Weights from which nothing is learned, where drawn ones of the usual size are learned from."""
        own, drawn = self.trainer.start, [self.drawn(seed) for seed in SEEDS]
        ratios = self.sizes(own, drawn[0])
        is_flat = self.steepness(own) < FLAT * float(np.median([self.steepness(values) for values in drawn]))
        better = [self.trainer.train(values) for values in drawn]
        best = min(course.last for course in better)
        learned = any(self.learns(course) for course in better) and best < BETTER * self.own.last
        if not learned and (self.learns(self.own) or not is_flat):
            return []
        name, times = max(ratios.items(), key=lambda pair: abs(np.log(max(pair[1], 1e-12))))
        if 0.4 < times < 2.5:
            return []
        evidence = f"{name} is {times:.3g} times as large as weights that are drawn for its inputs and units. From it, "
        evidence += f"{self.own.updates} updates end at a loss of {self.own.last:.3g}; from drawn ones, at {best:.3g}."
        advice = f"`{name} = rng.standard_normal(shape) * np.sqrt(2 / (inputs + units))`"
        return [Finding("weights_too_large" if times > 1 else "weights_too_small", name, evidence, advice)]

    def drawn(self, seed: int) -> Values:
        """Weights of the usual size."""
        return redrawn(self.trainer.twin, self.trainer.start, seed)

    def sizes(self, own: Values, drawn: Values) -> dict[str, float]:
        """How large each layer's weights are, next to drawn ones."""
        sizes = {}
        for depth, layer in enumerate(self.trainer.twin.layers):
            mine, usual = (np.sqrt(np.square(self.trainer.twin.weights(v, depth)).mean()) for v in (own, drawn))
            sizes[layer.weights.name] = float(mine / usual)
        return sizes

    def steepness(self, values: Values) -> float:
        """The squared length of the gradient of all weights but the last layer's: what hidden layers learn by."""
        trainer = self.trainer
        seen = Observation(values, values, trainer.rows, trainer.targets, trainer.twin.run(values, trainer.rows))
        gradient = gradient_of(trainer.twin, self.top, seen)
        layers = trainer.twin.layers[:-1] or trainer.twin.layers
        return float(sum(np.square(gradient[layer.weights]).sum() for layer in layers))

    def small_alpha(self) -> list[Finding]:
        """Steps that are next to nothing."""
        own = self.own
        if self.learns(own):
            return []
        change = abs(own.first - own.last) / max(own.first, 1e-12)
        if change > SLOW * max(own.updates, 1) / 100:
            return []
        for factor in (100.0, 1e4, 1e6):
            longer = self.trainer.train(factor=factor)
            if longer.last < own.last * (1 - STANDS):
                evidence = (
                    f"In {own.updates} updates, the loss changes by {change:.1g} of itself; with {factor:g} times "
                )
                evidence += f"the alpha, it falls from {own.first:.3g} to {longer.last:.3g}."
                return [Finding("alpha_too_small", "alpha", evidence, f"Take alpha times {factor:g}.")]
        return []

    def no_bias(self) -> list[Finding]:
        """No biases, where the fitted network learns with them, and not without."""
        twin = self.trainer.twin
        if twin.has_bias or self.learns(self.own) or self.own.last < self.reference * (1 - LEARNS):
            return []
        starts = [self.drawn(seed) for seed in SEEDS]
        without = fitted_loss(self.trainer, self.top, self.trainer.rows, twin, starts)
        other, _ = with_biases(twin, starts[0])
        added = [with_biases(twin, values)[1] for values in starts]
        with_them = fitted_loss(self.trainer, self.top, self.trainer.rows, other, added)
        if with_them > 0.5 * without:
            return []
        evidence = f"No layer has biases. The best loss that is found without them is {without:.3g}, with them {with_them:.3g}."
        return [Finding("no_bias", "the layers", evidence, "`z = x @ W + b`, in each layer, with b of zeros at first.")]

    def size(self) -> list[Finding]:
        """Too few units, where the fitted network learns with more, and not with these."""
        twin, rows = self.trainer.twin, standardised(self.trainer.rows)
        narrow = fitted_loss(self.trainer, self.top, rows, twin, [self.drawn(seed) for seed in SEEDS])
        if self.learns(self.own) or narrow < 0.3 * self.trainer.guess():
            return []
        if len(twin.layers) == 1:
            more = f"a hidden layer of {HIDDEN} units"
            wider, start = with_hidden_layer(twin, self.trainer.start, HIDDEN)
                f"a hidden layer of {HIDDEN} units",
                *with_hidden_layer(twin, self.trainer.start, HIDDEN),
            )
        else:
            more, wider = f"{WIDER} times as many hidden units", twin
            start = redrawn(twin, self.trainer.start, 1, WIDER)
        wide = fitted_loss(self.trainer, self.top, rows, wider, [start])
        if wide > 0.5 * narrow:
            return []
        evidence = f"The best loss that is found for this network is {narrow:.3g}, with {more} {wide:.3g}."
        return [Finding("network_too_small", "the hidden layers", evidence, f"Take {more}.")]
