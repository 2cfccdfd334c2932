"""Images in a CSV: Kaggle's layout is read, and whatever else a file holds is named by its line and column."""

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


def complaint(path, label="label", image_shape=(2, 2)):
    """What a user is told, after the file's name. The name alone could hold any word: it is that of the test too."""
    with pytest.raises(UserError) as caught:
        read_labelled_csv(path, label, image_shape)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def test_kaggle_s_layout_is_read(csv):
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


def test_a_whole_number_may_be_written_with_a_point(csv):
    assert read_labelled_csv(csv(HEADER, "7.0,0.0,1,2,255"), "label", (2, 2)).labels.tolist() == [7]


def test_a_missing_file_is_named(tmp_path):
    assert "does not exist" in complaint(tmp_path / "images.csv")


def test_a_missing_label_column_is_named_beside_those_there_are(csv):
    message = complaint(csv(HEADER, GOOD_ROW), label="digit")
    assert "'digit'" in message
    assert "label, pixel0" in message
    assert "dataset.label" in message


@pytest.mark.parametrize("cell", ["256", "-1", "0.5", "x", "1e9", "inf", "99999999999999999999"])
def test_a_pixel_that_is_no_byte_is_named_with_its_line_and_column(csv, cell):
    message = complaint(csv(HEADER, GOOD_ROW, f"7,0,{cell},2,3", GOOD_ROW))
    assert "line 3" in message
    assert "'pixel1'" in message
    assert "0 to 255" in message


@pytest.mark.parametrize("cell", ["256", "-1", "0.5", "x"])
def test_the_message_quotes_the_cell(csv, cell):
    assert f"'{cell}'" in complaint(csv(HEADER, GOOD_ROW, f"7,0,{cell},2,3"))


@pytest.mark.parametrize("cell", ["256", "-1", "0.5", "x"])
def test_a_label_that_is_no_byte_is_named_too(csv, cell):
    message = complaint(csv(HEADER, f"{cell},0,1,2,3"))
    assert "line 2" in message
    assert "'label'" in message
    assert f"'{cell}'" in message


def test_an_empty_cell_is_named_with_its_line_and_column(csv):
    message = complaint(csv(HEADER, GOOD_ROW, GOOD_ROW, "7,0,1,,3"))
    assert "line 4" in message
    assert "'pixel2'" in message
    assert "empty" in message


def test_of_several_wrong_cells_the_uppermost_is_named(csv):
    message = complaint(csv(HEADER, GOOD_ROW, "7,0,1,2,256", "x,0,1,2,3"))
    assert "line 3" in message
    assert "'pixel3'" in message


@pytest.mark.parametrize("row", ["7,0,1,2", "7,0,1", "7"])
def test_a_row_that_is_too_short_is_named(csv, row):
    message = complaint(csv(HEADER, GOOD_ROW, row))
    assert "line 3" in message
    assert "empty" in message


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([GOOD_ROW, "7,0,1,2,3,4", GOOD_ROW], "line 3"),
        # The first row could be taken for one that begins with its name: then each cell would be one column too far.
        (["7,0,1,2,3,4", GOOD_ROW, GOOD_ROW], "line 2"),
        (["7,0,1,2,3,4", "7,0,1,2,3,4"], "line 2"),
        (["7,0,1,2,3,", "7,0,1,2,3,"], "line 2"),
    ],
    ids=["a later row", "the first row", "every row", "a comma after every row"],
)
def test_a_row_that_is_too_long_is_named(csv, rows, line):
    message = complaint(csv(HEADER, *rows))
    assert line in message
    assert "empty" not in message  # there is too much in that row, not too little


def test_an_empty_file_is_refused(csv):
    assert "can't be read as a CSV" in complaint(csv())


def test_a_header_without_rows_is_refused(csv):
    message = complaint(csv(HEADER))
    assert "header" in message
    assert "no rows" in message


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "images.csv"
    path.write_bytes(f"{HEADER}\n7,0,".encode() + b"\xff\xfe,2,3\n")
    assert "can't be read as a CSV" in complaint(path)


def test_an_image_shape_of_other_pixels_is_refused(csv):
    message = complaint(csv(HEADER, GOOD_ROW), image_shape=(28, 27))
    assert "4 pixel columns" in message
    assert "28 x 27" in message
    assert "756" in message
    assert "dataset.image_shape" in message


def test_lines_are_counted_as_an_editor_does_with_blank_ones_between(csv):
    message = complaint(csv("label,a,b,c,d", "", "7,0,1,2,3", "", "7,0,x,2,3"))
    assert "line 5" in message
