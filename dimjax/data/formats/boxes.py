"""Boxes of a sequence: a CSV with the columns frame, x, y, w and h.

Rows without any of the four numbers are of frames without an object; those of objects that are not
visible are left out.

boxes("labels/IR_DRONE_012.csv", Options(), raise_error)
"""

from pathlib import Path

from dimjax.data.formats.marks import ABSENT, HIDDEN, Mark, Options
from dimjax.data.label_columns import BOX, read_label_rows
from dimjax.errors import OnError


def read_boxes(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of a CSV, one per row."""
    lines, columns, absent, hidden = read_label_rows(path, ("frame", *BOX), {}, on_error)
    rows = zip(lines, *columns.values(), strict=True)
    marks = [Mark(f"line {line}", *row) for line, *row in rows]
    marks += [ABSENT._replace(place=f"line {line}") for line in absent]
    return marks + [HIDDEN._replace(place=f"line {line}") for line in hidden]
