"""Boxes of a sequence: a CSV with the columns frame, x, y, w and h.

boxes("labels/IR_DRONE_012.csv", Options(), raise_error)
"""

from pathlib import Path

from dimjax.data.csv_files import line_numbers, parse_numbers, read_columns
from dimjax.data.formats.marks import Mark, Options
from dimjax.errors import OnError

_COLUMNS = ("frame", "x", "y", "w", "h")


def read_boxes(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of a CSV, one per row."""
    texts = read_columns(path, _COLUMNS, on_error=on_error)
    lines = line_numbers(texts)
    numbers = [
        parse_numbers(column, texts[column], path, lines, column == "frame", on_error)
        for column in _COLUMNS
    ]
    rows = zip(lines, *(column.tolist() for column in numbers), strict=True)
    # An invalid number has been reported and is NaN, which differs from itself.
    return [Mark(f"line {n}", *row) for n, *row in rows if row == [*map(_same, row)]]


def _same(value: float) -> float:
    return value if value == value else 0.0
