"""Read a CSV with one image per row: its label in one column, its pixels, row by row, in the others."""

import csv
import re
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TextIO

import numpy as np

from pipeline.console.errors import UserError
from pipeline.files.images import Images

BYTE = range(256)
NUMBER = re.compile(r"\s*[+-]?\d+\.?\d*(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
LONGEST_LINE = 2**24  # characters; MNIST's lines have three thousand
LONGEST_QUOTE = 40  # characters


def read_labelled_csv(path: Path, label: str, image_shape: tuple[int, int]) -> Images:
    """The images in a CSV like the one of Kaggle's digit-recognizer.

    Reads a line at a time, so that it needs little more memory than the images. Raises UserError if the file is missing
    or ragged, or contains anything but whole numbers from 0 to 255.
    """
    try:
        refuse_non_csv(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return images_in(file, path, label, image_shape)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} can't be read as a CSV ({error}): fix that line, or export the file again, as UTF-8"
        ) from None


def refuse_non_csv(path: Path) -> None:
    """Raise UserError if there is nothing, or no file."""
    if not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise UserError(f"{path} {problem}: set dataset.path to a CSV file of labelled images")


def images_in(file: TextIO, path: Path, label: str, image_shape: tuple[int, int]) -> Images:
    """The images in an open CSV. Raises UserError if it is ragged or empty, or if a cell is not a byte."""
    lines = cells_by_line(file)
    first_line, header = next(lines, (1, []))
    if not header:
        raise UserError(f"{path} is empty: it needs a header, and one row per image")
    check_header(header, f"{path}, line {first_line}", label, image_shape)
    content = bytearray()
    for number, cells in lines:
        content += as_bytes(cells, header, f"{path}, line {number}")
    if not content:
        raise UserError(f"{path} has a header but no rows: it needs one row per image")
    table = np.frombuffer(content, np.uint8).reshape(-1, len(header))
    at = header.index(label)
    return Images(np.delete(table, at, axis=1).reshape(-1, *image_shape), table[:, at].copy())


def cells_by_line(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """The number of each line, as in an editor, and its cells; without blank lines.

    Raises ValueError for a line that is not CSV. A cell can't go on in the next line, as none is meant to.
    """
    for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE), ""), start=1):
        if len(line) == LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE} characters")
        if "\0" in line:
            raise ValueError(f"line {number} has a NUL byte, as text in UTF-16 does")
        if line.strip():
            try:
                yield number, next(csv.reader([line], strict=True))
            except csv.Error as error:
                raise ValueError(f"line {number}: {error}") from None


def check_header(header: list[str], where: str, label: str, image_shape: tuple[int, int]) -> None:
    """Raise UserError unless there is one column of labels, and a column for each pixel."""
    if label not in header:
        raise UserError(
            f"{where} has no column {label!r} (its columns start with {', '.join(map(quoted, header[:4]))}): "
            "set dataset.label to the name of the label column"
        )
    found = [str(position) for position, name in enumerate(header, start=1) if name == label]
    if len(found) > 1:
        raise UserError(
            f"{where} names the label column {label!r} more than once, in columns {', '.join(found[:4])}: "
            "delete or rename all but one"
        )
    rows, columns = image_shape
    if len(header) - 1 != rows * columns:
        raise UserError(
            f"{where} has {len(header) - 1} pixel columns, but images of {rows} x {columns} have "
            f"{rows * columns} pixels: set dataset.image_shape to the images' rows and columns"
        )


def as_bytes(cells: list[str], header: list[str], where: str) -> bytes:
    """A row as bytes. Raises UserError naming the column of the first cell that is not a byte."""
    if len(cells) != len(header):
        raise UserError(f"{where} has {len(cells)} cells, but the header has {len(header)}: each row needs as many")
    try:
        return bytes(map(byte_in, cells))  # type: ignore[arg-type] # a None ends in the TypeError
    except TypeError:
        column, cell = next((column, cell) for column, cell in zip(header, cells, strict=True) if byte_in(cell) is None)
        found = f"is {quoted(cell)}" if cell.strip() else "is empty"
        raise UserError(
            f"{where}, column {quoted(column)} {found}: "
            f"labels and pixels must be whole numbers from {BYTE.start} to {BYTE.stop - 1}"
        ) from None


@lru_cache(maxsize=1024)
def byte_in(cell: str) -> int | None:
    """The byte that is written in a cell, or None if there is something else."""
    if not NUMBER.fullmatch(cell):
        return None
    number = float(cell)  # infinite if it has hundreds of digits
    return int(number) if number in BYTE else None


def quoted(text: str) -> str:
    """The text in quotes, shortened if it is long."""
    return repr(text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}...")
