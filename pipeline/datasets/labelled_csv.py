"""Read a CSV with one image per row: its label in one column, its pixels, row by row, in the others."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.console.errors import UserError
from pipeline.files.images import Images

FIRST_LINE = 2  # the first image's line number in an editor; the header is line 1
BYTE = range(256)


def read_labelled_csv(path: Path, label: str, image_shape: tuple[int, int]) -> Images:
    """The images in a CSV like the one of Kaggle's digit-recognizer.

    Raises UserError if the file is missing or ragged, or contains anything but whole numbers from 0 to 255.
    """
    try:
        table = read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: set dataset.path to a CSV file of labelled images") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} can't be read as a CSV ({str(error).strip()}): fix that line or export the file again"
        ) from None
    if label not in table.columns:
        raise UserError(
            f"{path} has no column {label!r} (its columns start with {', '.join(map(str, table.columns[:4]))}): "
            "set dataset.label to the name of the label column"
        )
    if table.empty:
        raise UserError(f"{path} has a header but no rows: it needs one row per image")
    rows, columns = image_shape
    if len(table.columns) - 1 != rows * columns:
        raise UserError(
            f"{path} has {len(table.columns) - 1} pixel columns, but images of {rows} x {columns} have "
            f"{rows * columns} pixels: set dataset.image_shape to the images' rows and columns"
        )
    values = whole_numbers(path, table)
    return Images(
        values.drop(columns=label).to_numpy().reshape(-1, rows, columns),
        values[label].to_numpy(),
    )


def read_table(path: Path) -> pd.DataFrame:
    """The CSV, indexed by line number, without blank lines."""
    # If the first row is longer than the header, pandas silently takes its first cell as an index. Reading without a
    # header turns that into an error.
    pd.read_csv(path, header=None, nrows=2)
    table = pd.read_csv(path, skip_blank_lines=False, low_memory=False)
    return table.set_index(table.index + FIRST_LINE).dropna(how="all")


def whole_numbers(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table as bytes. Raises UserError naming the first cell, from the top, that is not a byte."""
    numbers = table.apply(pd.to_numeric, errors="coerce")
    wrong = ~((numbers >= BYTE.start) & (numbers < BYTE.stop) & (numbers % 1 == 0)).to_numpy()
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        found = "is empty" if table.isna().iloc[row, column] else f"is {str(table.iloc[row, column])!r}"
        raise UserError(
            f"{path}, line {table.index[row]}, column {table.columns[column]!r} {found}: "
            f"labels and pixels must be whole numbers from {BYTE.start} to {BYTE.stop - 1}"
        )
    as_bytes: pd.DataFrame = numbers.astype(np.uint8)
    return as_bytes
