"""Label tables: a reader of this package's CSV, checks, and a writer.

A label table (pandas) has the columns COLUMNS, in frame coordinates: x, y is the centre and w, h
the size of a box in pixels. The reader checks the format of a file; `check_labels` checks the
values of a table against the shapes of its sequences. `formats` reads other label files.

    labels = read_table("data/labels.csv")
    labels = check_labels(labels, {"flight3": (100, 512, 640)}, "data/labels.csv")
    write_table(labels, "runs/x/labels.csv")
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.csv_files import (
    ROW_REMEDY,
    line_numbers,
    parse_numbers,
    read_columns,
    write_csv,
)
from dimjax.errors import InputError, OnError, raise_error

CATEGORIES = ("target", "interference")
OPPOSITE = {"target": "interference", "interference": "target"}
COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "track", "source")
TRUTH_COLUMNS = (*COLUMNS, "snr", "visible")
MIN_VISIBLE = 0.5  # truths with a smaller visible share of their light need not be detected
MIN_SIZE_PX = 0.1  # of a box; the logarithms of smaller sizes would dominate the losses

_MAX_TEXT = 1000  # characters

_DEFAULTS = {"track": "", "source": "annotator"}  # if a file lacks the column
_TEXT_COLUMNS = ("sequence", "category", "track", "source")
_IDENTITY = ["sequence", "frame", "x", "y", "category"]  # no two labels agree in all of them


def read_table(
    path: str | Path, columns: tuple[str, ...] = COLUMNS, on_error: OnError = raise_error
) -> pd.DataFrame:
    """Read the CSV of this package, columns in any order; `track` and `source` may be absent.

    Row k of the table is line k + 2 of the file. If `on_error` returns, so that rows are left out,
    the table has an index `line` with the line of each row.

    Args:
      path: CSV file with a header.
      columns: COLUMNS or TRUTH_COLUMNS.
      on_error: Is called for each invalid row.

    Raises:
      InputError: The file is missing, or a column or a value is invalid.
    """
    required = [column for column in columns if column not in _DEFAULTS]
    texts = read_columns(Path(path), required, optional=tuple(_DEFAULTS), on_error=on_error)
    lines = line_numbers(texts)
    defaults = {column: [text] * len(lines) for column, text in _DEFAULTS.items()}
    return _to_table({**defaults, **texts}, columns, path, lines, on_error)


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table of labels or truths; `read_table` returns it unchanged."""
    write_csv(table, path)


def check_labels(
    table: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    path: str | Path,
    on_error: OnError = raise_error,
) -> pd.DataFrame:
    """Report each row that is impossible in its sequence or occurs twice.

    Args:
      table: Labels or truths. An index named `line` gives the line of each row in its file, one
        named `place` its place as text; otherwise row k is line k + 2.
      shapes: T, H, W of each known sequence.
      path: File of the table, for the error.
      on_error: Is called for each invalid row.

    Returns:
      The table without the invalid rows.

    Raises:
      InputError: By default; names the first row that breaks a rule.
    """
    places = _places(table)
    valid = np.ones(len(table), bool)
    for k, row in enumerate(table.itertuples(index=False)):
        broken = broken_rule(row, shapes)
        if broken is not None:
            on_error(InputError(f"{path} {places[k]}", *broken, ROW_REMEDY))
            valid[k] = False
    rule = f"a label must not occur twice with the same {', '.join(_IDENTITY)}"
    twice = np.flatnonzero(table.duplicated(_IDENTITY))
    rows = table[_IDENTITY].iloc[twice].itertuples(index=False)  # which a file may have in millions
    for k, row in zip(twice.tolist(), rows, strict=True):
        on_error(InputError(f"{path} {places[k]}", rule, ", ".join(map(str, row)), ROW_REMEDY))
        valid[k] = False
    return table[valid]


def broken_rule(row, shapes: Mapping[str, tuple[int, int, int]]) -> tuple[str, object] | None:
    """Return the first rule that a row breaks and the value that breaks it; None if valid.

    Args:
      row: Row of a label table, with its columns as attributes.
      shapes: T, H, W of each known sequence.
    """
    for column in ("sequence", "track", "source"):
        text = getattr(row, column, "")
        if not isinstance(text, str) or not text.isprintable() or len(text) > _MAX_TEXT:
            rule = f"{column} must be a line of printable text of at most {_MAX_TEXT} characters"
            return rule, repr(text)
    if row.sequence not in shapes:
        names = ", ".join(sorted(shapes)[:3]) + (", ..." if len(shapes) > 3 else "")
        return f"sequence must be a known one ({names})", repr(row.sequence)
    if row.category not in CATEGORIES:
        return f"category must be {' or '.join(CATEGORIES)}", repr(row.category)
    length, height, width = shapes[row.sequence]
    for column, limit in (("frame", length), ("x", width), ("y", height)):
        value = getattr(row, column)
        if not 0 <= value < limit:
            return f"{column} must lie in 0 <= {column} < {limit}", value
    for column, limit in (("w", width), ("h", height)):
        if not MIN_SIZE_PX <= getattr(row, column) <= max(limit, MIN_SIZE_PX):
            rule = f"{column} must lie in {MIN_SIZE_PX} <= {column} <= {limit}"
            return rule, getattr(row, column)
    for column in ("snr", "visible"):
        if not math.isfinite(getattr(row, column, 0.0)):
            return f"{column} must be a finite number", getattr(row, column)
    return None


def _places(table: pd.DataFrame) -> list[str]:
    if table.index.name == "place":
        return table.index.tolist()
    lines = table.index if table.index.name == "line" else range(2, 2 + len(table))
    return [f"line {line}" for line in lines]


def _to_table(
    texts: dict[str, list[str]],
    columns: Sequence[str],
    path: str | Path,
    lines: list[int],
    on_error: OnError,
) -> pd.DataFrame:
    """Parse texts; invalid rows are left out, and the others then have the index `line`."""
    parsed = {}
    for column in columns:
        if column in _TEXT_COLUMNS:
            parsed[column] = pd.Series(texts[column], dtype="str")
        else:
            integer = column == "frame"
            parsed[column] = parse_numbers(column, texts[column], path, lines, integer, on_error)
    table = pd.DataFrame(parsed)
    valid = table.notna().all(axis=1)
    if valid.all():
        return table
    index = pd.Index(lines, name="line", dtype="int64")
    return table.set_index(index)[valid.to_numpy()].astype({"frame": "int64"})
