"""What the pictures of an evaluation say about themselves."""

import numpy as np
import pandas as pd
import pytest

from pipeline.core.training import Record
from pipeline.figures import evaluation

NAN = float("nan")


def mistakes(*confidences):
    table = pd.DataFrame({"actual": 3, "predicted": 5, "confidence": confidences}, index=range(len(confidences)))
    return evaluation.confident_mistakes(np.zeros((len(confidences), 8, 8)), table)


def texts(figure):
    [axes] = figure.axes
    return [axes.get_title(), *(text.get_text() for text in axes.texts)]


@pytest.mark.parametrize(
    ("confidences", "title", "captions"),
    [
        ((), "none", []),
        ((0.9996, 0.625), "2 of 2, the surest first", ["100% sure", "62.5% sure"]),
        (
            (0.0022, 0.000016),
            "2 of 2, the surest first",
            ["0.22% sure", "0.0016% sure"],
        ),  # with fault=softmax_over_samples
        ((NAN, NAN), "2 of 2", ["", ""]),  # after a divergence, nothing orders them
    ],
)
def test_mistakes_are_counted_and_shown_as_sure_as_the_network_was(confidences, title, captions):
    shown = [f"3 taken for 5\n{caption}" for caption in captions]
    assert texts(mistakes(*confidences)) == [f"Wrongly classified test images: {title}", *shown]


def test_a_title_says_how_many_are_left_out():
    assert texts(mistakes(*[0.5] * 30))[0] == "Wrongly classified test images: 24 of 30, the surest first"
    units = evaluation.first_layer_weights(np.ones((64, 50)), (8, 8))
    assert texts(units)[0] == "Weights of the first layer's units, 40 of 50: red for, blue against"


@pytest.mark.parametrize(("batch_size", "label"), [(None, "training"), (32, "training, 32 images at a time")])
def test_a_curve_says_if_it_is_of_batches(batch_size, label):
    figure = evaluation.learning_curve([Record(0, 2.3, 0.1, 2.4, 0.2), Record(1, 1.9, 0.4, 2.0, 0.3)], batch_size)
    for axes in figure.axes:
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [label, "validation"]


def test_a_heading_is_above_everything_and_moves_nothing():
    figure = evaluation.confusion_matrix(np.eye(3, dtype=int))
    inches = figure.axes[0].get_position().height * figure.get_figheight()
    evaluation.headed(figure, "digits · he α=0.3 · 500 iterations")
    [text] = figure.texts
    assert text.get_text() == "digits · he α=0.3 · 500 iterations"
    assert figure.axes[0].get_position().height * figure.get_figheight() == pytest.approx(inches)
    assert figure.axes[0].get_tightbbox().ymax < text.get_window_extent().ymin
