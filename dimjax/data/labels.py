"""Label tables: readers of this package's CSV and of common label files, checks, and a writer.

A label table (pandas) has the columns COLUMNS, in frame coordinates: x, y is the centre and w, h
the size of a box in pixels. The readers check the format of a file; `check_labels` checks the
values of a table against the shapes of its sequences.

    labels = read_table("data/labels.csv")
    labels = check_labels(labels, {"flight3": (100, 512, 640)}, "data/labels.csv")
    write_table(labels, "runs/x/labels.csv")
    boxes = read_boxes("labels/IR_DRONE_012.csv", "IR_DRONE_012", "target")
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.csv_files import (
    ROW_REMEDY,
    line_numbers,
    parse_numbers,
    read_columns,
    read_text,
    write_csv,
)
from dimjax.errors import InputError, OnError, raise_error

CATEGORIES = ("target", "interference")
OPPOSITE = {"target": "interference", "interference": "target"}
COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "track", "source")
TRUTH_COLUMNS = (*COLUMNS, "snr", "visible")
MIN_VISIBLE = 0.5  # truths with a smaller visible share of their light need not be detected
MIN_SIZE_PX = 0.1  # of a box; the logarithms of smaller sizes would dominate the losses
ORDERS = ("xy", "rowcol")
ORIGINS = (0, 1)

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


def read_boxes(
    path: str | Path, sequence: str, category: str, on_error: OnError = raise_error
) -> pd.DataFrame:
    """Read the boxes of a sequence from a CSV `frame,x,y,w,h` with x, y the top-left corner.

    Args:
      path: CSV file with a header.
      sequence: Name of the sequence.
      category: Category of all its boxes.
      on_error: Is called for each invalid row.

    Returns:
      Label table; its index `line` is the line of each row in the file.

    Raises:
      InputError: The file is missing, or a column or a value is invalid.
    """
    texts = read_columns(Path(path), ("frame", "x", "y", "w", "h"), on_error=on_error)
    table = _sequence_table(texts, sequence, category, path, line_numbers(texts), on_error)
    return table.assign(x=table.x + table.w / 2, y=table.y + table.h / 2)


def read_centroids(
    path: str | Path,
    sequence: str,
    category: str,
    order: str,
    origin: int,
    size_px: float,
    on_error: OnError = raise_error,
) -> pd.DataFrame:
    """Read the centroids of a sequence from a CSV with a header or a text with one line per frame.

    The CSV has the columns frame, x and y; other columns are ignored. In a text, line k (from 0)
    belongs to frame k and contains pairs of numbers, separated by tab, space, comma or semicolon.
    `None`, `0 0` or nothing means that there is no target.

    Args:
      path: Text or CSV file.
      sequence: Name of the sequence.
      category: Category of all its centroids.
      order: "xy" or "rowcol", the order of a pair in a text.
      origin: Number of the first pixel, 0 or 1. Pixels are numbered by their centres: x = 5 with
        origin 0 becomes 5.5.
      size_px: Width and height of the boxes.
      on_error: Is called for each invalid row.

    Returns:
      Label table; its index `line` is the line of each row in the file.

    Raises:
      InputError: The file is missing, a line is invalid, or `order` or `origin` is unknown.
    """
    for key, value, allowed in (("order", order, ORDERS), ("origin", origin, ORIGINS)):
        if value not in allowed:
            rule = f"centroid {key} must be one of {allowed}"
            raise InputError(path, rule, repr(value), "Correct the layout.")
    rows = read_text(Path(path)).split("\n")
    if any(not _is_number(word) and not _means_none(word) for word in _split_words(rows[0])):
        texts, lines = _csv_centroids(Path(path), on_error)
    else:
        texts, lines = _text_centroids(rows, order, path, on_error)
    texts["w"] = texts["h"] = [str(size_px)] * len(lines)
    table = _sequence_table(texts, sequence, category, path, lines, on_error)
    return table.assign(x=table.x - origin + 0.5, y=table.y - origin + 0.5)


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
      table: Labels or truths. An index named `line` gives the line of each row in its file;
        otherwise row k is line k + 2.
      shapes: T, H, W of each known sequence.
      path: File of the table, for the error.
      on_error: Is called for each invalid row.

    Returns:
      The table without the invalid rows.

    Raises:
      InputError: By default; names the first row that breaks a rule.
    """
    lines = table.index if table.index.name == "line" else np.arange(len(table)) + 2
    valid = np.ones(len(table), bool)
    for k, row in enumerate(table.itertuples(index=False)):
        broken = broken_rule(row, shapes)
        if broken is not None:
            on_error(InputError(f"{path} line {lines[k]}", *broken, ROW_REMEDY))
            valid[k] = False
    rule = f"a label must not occur twice with the same {', '.join(_IDENTITY)}"
    for k in np.flatnonzero(table.duplicated(_IDENTITY)).tolist():
        value = ", ".join(map(str, table[_IDENTITY].iloc[k]))
        on_error(InputError(f"{path} line {lines[k]}", rule, value, ROW_REMEDY))
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


def _csv_centroids(path: Path, on_error: OnError) -> tuple[dict[str, list[str]], list[int]]:
    """Texts of the columns frame, x and y, and the lines, of the rows with a centroid."""
    texts = read_columns(path, ("frame", "x", "y"), allow_others=True, on_error=on_error)
    pairs = list(zip(texts["x"], texts["y"], strict=True))
    rows = [
        row
        for row, pair in enumerate(pairs)
        if None not in pair and not all(map(_means_none, pair))
    ]
    lines = line_numbers(texts)
    chosen = {column: [texts[column][row] for row in rows] for column in ("frame", "x", "y")}
    return chosen, [lines[row] for row in rows]


def _text_centroids(
    rows: list[str], order: str, path: str | Path, on_error: OnError
) -> tuple[dict[str, list[str]], list[int]]:
    """Texts of the columns frame, x and y, and the lines, of all centroids."""
    centroids = []
    for frame, row in enumerate(rows):
        words = _split_words(row)
        if [word.lower() for word in words] == ["none"]:
            continue
        if len(words) % 2:
            rule = "a line must contain pairs of numbers, None or nothing"
            subject = f"{path} line {frame + 1}"
            on_error(InputError(subject, rule, repr(row), "Correct the line."))
            continue
        pairs = zip(words[::2], words[1::2], strict=True)
        centroids += [(str(frame), *pair) for pair in pairs if not all(map(_means_none, pair))]
    columns = ("frame", "x", "y") if order == "xy" else ("frame", "y", "x")
    texts = {column: [row[k] for row in centroids] for k, column in enumerate(columns)}
    return texts, [int(frame) + 1 for frame in texts["frame"]]


def _split_words(row: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", row) if word]


def _means_none(word: str) -> bool:
    """Whether a coordinate means that there is no target: nothing, None or 0."""
    return re.fullmatch(r"\s*(none|0*(\.0*)?)\s*", word, re.IGNORECASE) is not None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _sequence_table(
    texts: dict[str, list[str]],
    sequence: str,
    category: str,
    path: str | Path,
    lines: list[int],
    on_error: OnError,
) -> pd.DataFrame:
    """Convert texts of boxes to a label table of one sequence with the index `line`."""
    constants = {"sequence": sequence, "category": category, **_DEFAULTS}
    columns = {column: [text] * len(lines) for column, text in constants.items()}
    table = _to_table({**texts, **columns}, COLUMNS, path, lines, on_error)
    if table.index.name == "line":
        return table
    return table.set_index(pd.Index(lines, name="line", dtype="int64"))


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
