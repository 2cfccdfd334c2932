"""Images in a CSV: Kaggle's layout is read, and anything else is reported with its line and column."""

import os
import tracemalloc

import pytest

from pipeline.console.errors import UserError
from pipeline.datasets import labelled_csv
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
    assert "'label', 'pixel0'" in message
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
    cells = len(row.split(","))
    assert f"line 3 has {cells} cells, but the header has 5" in error_message(csv(HEADER, GOOD_ROW, row))


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
    assert f"{line} has 6 cells, but the header has 5" in error_message(csv(HEADER, *rows))


def test_an_empty_file_is_refused(csv):
    assert "is empty" in error_message(csv())
    assert "is empty" in error_message(csv("", " "))


def test_a_header_without_rows_is_refused(csv):
    message = error_message(csv(HEADER))
    assert "header" in message
    assert "no rows" in message


ODD_BUT_CLEAR = {
    "a byte order mark": b"\xef\xbb\xbflabel,a,b,c,d\n7,0,1,2,255\n",
    "Windows' line ends": b"label,a,b,c,d\r\n7,0,1,2,255\r\n",
    "old line ends": b"label,a,b,c,d\r7,0,1,2,255\r",
    "no last line end": b"label,a,b,c,d\n7,0,1,2,255",
    "quotes": b'"label","a","b","c","d"\n"7","0","1","2","255"\n',
    "a quoted comma": b'label,"a,a",b,c,d\n7,0,1,2,255\n',
    "blank lines": b"\n\nlabel,a,b,c,d\n\n7,0,1,2,255\n  \n",
    "spaces": b"label,a,b,c,d\n 7,0 , 1,2,255\n",
    "other spellings": b"label,a,b,c,d\n+7,-0,001,2.,2.55e2\n",
}


@pytest.mark.parametrize("content", ODD_BUT_CLEAR.values(), ids=ODD_BUT_CLEAR)
def test_what_is_odd_but_clear_is_read(tmp_path, content):
    path = tmp_path / "images.csv"
    path.write_bytes(content)
    images = read_labelled_csv(path, "label", (2, 2))
    assert images.labels.tolist() == [7]
    assert images.pixels.tolist() == [[[0, 1], [2, 255]]]


GOOD = f"{HEADER}\n{GOOD_ROW}\n"
NOT_A_CSV = {
    "UTF-16": (GOOD.encode("utf-16"), "can't decode"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "line 1 has a NUL byte"),
    "Latin-1": (GOOD.encode() + b"7,0,\xe9,2,3\n", "can't decode"),
    "bytes": (GOOD.encode() + b"7,0,\xff\xfe,2,3\n", "can't decode"),
    "a NUL byte": (GOOD.encode() + b"7,0,\0,2,3\n", "line 3 has a NUL byte"),
    "an open quote": (GOOD.encode() + b'7,0,"1,2,3\n7,0,1,2,3\n', "line 3: unexpected end of data"),
    "a cell over two lines": (GOOD.encode() + b'7,0,"1\n",2,3\n', "line 3: unexpected end of data"),
    "a cell without end": (GOOD.encode() + b"7,0,1,2," + b"3" * 140_000, "line 3: field larger"),
}


@pytest.mark.parametrize(("content", "words"), NOT_A_CSV.values(), ids=NOT_A_CSV)
def test_what_is_not_a_csv_is_refused(tmp_path, content, words):
    path = tmp_path / "images.csv"
    path.write_bytes(content)
    message = error_message(path)
    assert "can't be read as a CSV" in message
    assert words in message
    assert len(message) < 300


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_not_a_file_is_refused(tmp_path, make):
    make(tmp_path / "images.csv")
    assert "is not a file" in error_message(tmp_path / "images.csv")


@pytest.mark.parametrize("cell", ["True", "False", "nan", "NA", "None", "1_0", "٧", "0x7", "1" * 400])
def test_what_only_looks_like_a_number_is_reported_with_line_and_column(csv, cell):
    message = error_message(csv(HEADER, GOOD_ROW, f"7,0,1,{cell},3"))
    assert f"line 3, column 'pixel2' is '{cell[:40]}" in message
    assert len(message) < 200


@pytest.mark.parametrize(("cell", "words"), [("nan", "is 'nan'"), ("", "is empty")])
def test_a_row_without_any_number_does_not_vanish(csv, cell, words):
    message = error_message(csv(HEADER, GOOD_ROW, ",".join([cell] * 5)))
    assert f"line 3, column 'label' {words}" in message


def test_booleans_in_every_row_are_reported(csv):
    assert "line 2, column 'pixel1' is 'True'" in error_message(csv(HEADER, "7,0,True,2,3", "7,0,False,2,3"))


def test_a_label_column_that_stands_twice_is_reported(csv):
    message = error_message(csv("label,a,b,c,d,label", "7,0,1,2,3,7"))
    assert "line 1 names the label column 'label' more than once, in columns 1, 6" in message


def test_a_wide_csv_is_refused_by_its_header(tmp_path):
    path = tmp_path / "images.csv"
    columns = 200_000
    path.write_text("label," + ",".join(map(str, range(columns))) + "\n" + "0," * columns + "0\n")
    tracemalloc.start()
    assert f"line 1 has {columns} pixel columns" in error_message(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * path.stat().st_size


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(labelled_csv, "LONGEST_LINE", 100)
    path = tmp_path / "images.csv"
    path.write_text(GOOD + "7" * 100)
    assert "line 3 is longer than 100 characters" in error_message(path)


def test_an_image_shape_that_does_not_fit_the_columns_is_refused(csv):
    message = error_message(csv(HEADER, GOOD_ROW), image_shape=(28, 27))
    assert "4 pixel columns" in message
    assert "28 x 27" in message
    assert "756" in message
    assert "dataset.image_shape" in message


def test_blank_lines_are_counted_as_in_an_editor(csv):
    message = error_message(csv("label,a,b,c,d", "", "7,0,1,2,3", "", "7,0,x,2,3"))
    assert "line 5" in message
