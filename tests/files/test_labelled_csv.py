"""Images in a CSV: Kaggle's layout is read, and anything else is reported with its line and column."""

import pytest

from pipeline.console.errors import UserError
from pipeline.datasets.labelled_csv import read_labelled_csv

HEADER = "label,pixel0,pixel1,pixel2,pixel3"
GOOD_ROW = "7,0,1,2,255"


@pytest.fixture
def csv(tmp_path):
    """Write a CSV of these lines."""

    def write(*lines):
        path = tmp_path / "images.csv"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


def error_message(path, label="label", image_shape=(2, 2)):
    """The error message after the path, which contains the test's name and so might match by accident."""
    with pytest.raises(UserError) as caught:
        read_labelled_csv(path, label, image_shape)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def test_kaggles_layout_is_read(csv):
    images = read_labelled_csv(csv(HEADER, "7,0,1,2,255", "3,10,20,30,40", "0,0,0,0,0"), "label", (2, 2))
    assert images.labels.tolist() == [7, 3, 0]
    assert images.pixels.tolist() == [[[0, 1], [2, 255]], [[10, 20], [30, 40]], [[0, 0], [0, 0]]]
    assert (images.labels.dtype, images.pixels.dtype) == ("uint8", "uint8")


def test_pixels_fill_the_image_row_by_row(csv):
    path = csv("label,a,b,c,d,e,f", "0,1,2,3,4,5,6")
    assert read_labelled_csv(path, "label", (2, 3)).pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert read_labelled_csv(path, "label", (3, 2)).pixels.tolist() == [[[1, 2], [3, 4], [5, 6]]]


@pytest.mark.parametrize(
    ("header", "row"),
    [("pixel0,pixel1,class,pixel2,pixel3", "1,2,9,3,4"), ("pixel0,pixel1,pixel2,pixel3,class", "1,2,3,4,9")],
)
def test_the_label_can_be_in_any_column_and_have_any_name(csv, header, row):
    images = read_labelled_csv(csv(header, row), "class", (2, 2))
    assert images.labels.tolist() == [9]
    assert images.pixels.tolist() == [[[1, 2], [3, 4]]]


def test_a_whole_number_may_have_a_decimal_point(csv):
    assert read_labelled_csv(csv(HEADER, "7.0,0.0,1,2,255"), "label", (2, 2)).labels.tolist() == [7]


def test_a_missing_file_is_reported(tmp_path):
    assert "does not exist" in error_message(tmp_path / "images.csv")


def test_a_missing_label_column_is_reported_with_the_existing_ones(csv):
    message = error_message(csv(HEADER, GOOD_ROW), label="digit")
    assert "'digit'" in message
    assert "label, pixel0" in message
    assert "dataset.label" in message


@pytest.mark.parametrize("cell", ["256", "-1", "0.5", "x", "1e9", "inf", "99999999999999999999"])
def test_a_pixel_that_is_not_a_byte_is_reported_with_line_and_column(csv, cell):
    message = error_message(csv(HEADER, GOOD_ROW, f"7,0,{cell},2,3", GOOD_ROW))
    assert "line 3" in message
    assert "'pixel1'" in message
    assert "0 to 255" in message


@pytest.mark.parametrize("cell", ["256", "-1", "0.5", "x"])
def test_the_message_quotes_the_cell(csv, cell):
    assert f"'{cell}'" in error_message(csv(HEADER, GOOD_ROW, f"7,0,{cell},2,3"))


@pytest.mark.parametrize("cell", ["256", "-1", "0.5", "x"])
def test_a_label_that_is_not_a_byte_is_reported_too(csv, cell):
    message = error_message(csv(HEADER, f"{cell},0,1,2,3"))
    assert "line 2" in message
    assert "'label'" in message
    assert f"'{cell}'" in message


def test_an_empty_cell_is_reported_with_line_and_column(csv):
    message = error_message(csv(HEADER, GOOD_ROW, GOOD_ROW, "7,0,1,,3"))
    assert "line 4" in message
    assert "'pixel2'" in message
    assert "empty" in message


def test_the_topmost_bad_cell_is_reported(csv):
    message = error_message(csv(HEADER, GOOD_ROW, "7,0,1,2,256", "x,0,1,2,3"))
    assert "line 3" in message
    assert "'pixel3'" in message


@pytest.mark.parametrize("row", ["7,0,1,2", "7,0,1", "7"])
def test_a_row_that_is_too_short_is_reported(csv, row):
    message = error_message(csv(HEADER, GOOD_ROW, row))
    assert "line 3" in message
    assert "empty" in message


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([GOOD_ROW, "7,0,1,2,3,4", GOOD_ROW], "line 3"),
        # The first row's extra cell could be mistaken for a row name, which would shift every cell by a column.
        (["7,0,1,2,3,4", GOOD_ROW, GOOD_ROW], "line 2"),
        (["7,0,1,2,3,4", "7,0,1,2,3,4"], "line 2"),
        (["7,0,1,2,3,", "7,0,1,2,3,"], "line 2"),
    ],
    ids=["a later row", "the first row", "every row", "a comma after every row"],
)
def test_a_row_that_is_too_long_is_reported(csv, rows, line):
    message = error_message(csv(HEADER, *rows))
    assert line in message
    assert "empty" not in message  # the row has too many cells, not too few


def test_an_empty_file_is_refused(csv):
    assert "can't be read as a CSV" in error_message(csv())


def test_a_header_without_rows_is_refused(csv):
    message = error_message(csv(HEADER))
    assert "header" in message
    assert "no rows" in message


def test_bytes_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "images.csv"
    path.write_bytes(f"{HEADER}\n7,0,".encode() + b"\xff\xfe,2,3\n")
    assert "can't be read as a CSV" in error_message(path)


def test_an_image_shape_that_does_not_fit_the_columns_is_refused(csv):
    message = error_message(csv(HEADER, GOOD_ROW), image_shape=(28, 27))
    assert "4 pixel columns" in message
    assert "28 x 27" in message
    assert "756" in message
    assert "dataset.image_shape" in message


def test_blank_lines_are_counted_as_in_an_editor(csv):
    message = error_message(csv("label,a,b,c,d", "", "7,0,1,2,3", "", "7,0,x,2,3"))
    assert "line 5" in message
