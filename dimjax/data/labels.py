"""Label tables: the CSV of this package, and the label files that users come with.

In come text files; out comes a table (pandas) with the columns of COLUMNS, in frame coordinates:
x, y the centre and w, h the size of a box in pixels. Readers check the form of a file; `check`
says whether what a table claims can be true of its sequences.

    labels = read_table("data/labels.csv")
    check(labels, {"flight3": (100, 512, 640)}, "data/labels.csv")
    write_table(labels, "runs/x/labels.csv")
    boxes = read_boxes("labels/IR_DRONE_012.csv", "IR_DRONE_012", "target")
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.csv_files import ROW_REMEDY, lines_of, numbers, read_columns, read_text, write_csv
from dimjax.errors import InputError, Report, stop

CATEGORIES = ("target", "interference")
COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "track", "source")
TRUTH_COLUMNS = (*COLUMNS, "snr", "visible")
ORDERS = ("xy", "rowcol")
ORIGINS = (0, 1)

_DEFAULTS = {"track": "", "source": "annotator"}  # where a file does not say
_TEXTS = ("sequence", "category", "track", "source")
_SAME = ["sequence", "frame", "x", "y", "category"]


def read_table(
    path: str | Path, columns: tuple[str, ...] = COLUMNS, report: Report = stop
) -> pd.DataFrame:
    """Read the CSV of this package, columns in any order; `track` and `source` may be absent.

    Row k of the table is line k + 2 of the file; where report lets rows be left out, the index
    `line` of the table is each row's line.

    Args:
      path: CSV file with a header.
      columns: COLUMNS or TRUTH_COLUMNS.
      report: Is told of each wrong row; this holds for all readers.

    Raises:
      InputError: The file is missing, or a column or a value is not of the table's form.
    """
    needed = [column for column in columns if column not in _DEFAULTS]
    texts = read_columns(Path(path), needed, optional=tuple(_DEFAULTS), report=report)
    lines = lines_of(texts)
    defaults = {column: [text] * len(lines) for column, text in _DEFAULTS.items()}
    return _table({**defaults, **texts}, columns, path, lines, report)


def read_boxes(
    path: str | Path, sequence: str, category: str, report: Report = stop
) -> pd.DataFrame:
    """Read a sequence's boxes from a CSV `frame,x,y,w,h` with x, y the top-left corner.

    The index `line` of the table is each row's line in the file.

    Raises:
      InputError: The file is missing, or a column or a value is not of this form.
    """
    texts = read_columns(Path(path), ("frame", "x", "y", "w", "h"), report=report)
    table = _of_sequence(texts, sequence, category, path, lines_of(texts), report)
    return table.assign(x=table.x + table.w / 2, y=table.y + table.h / 2)


def read_centroids(
    path: str | Path,
    sequence: str,
    category: str,
    order: str,
    origin: int,
    size_px: float,
    report: Report = stop,
) -> pd.DataFrame:
    """Read a sequence's centroids, from a CSV with a header or from text with one line a frame.

    The CSV has the columns frame, x, y, and others that are not read. A line of the text holds
    pairs of numbers, split by tab, space, comma or semicolon, and belongs to the frame of its own
    number, from 0. `None`, `0 0` or nothing says that there is no target. The index `line` of the
    table is each row's line in the file.

    Args:
      path: Text or CSV file.
      sequence: Name of the sequence.
      category: Category of all its centroids.
      order: "xy" or "rowcol", the order of a pair in the text.
      origin: Number of the first pixel, 0 or 1. Pixels are numbered by their centres: x = 5 with
        origin 0 is 5.5 here.
      size_px: Width and height that the boxes get.
      report: Is told of each wrong row.

    Raises:
      InputError: The file is missing or a line is not of this form.
    """
    for key, value, known in (("order", order, ORDERS), ("origin", origin, ORIGINS)):
        if value not in known:
            rule = f"centroid {key} must be one of {known}"
            raise InputError(path, rule, repr(value), "Correct the layout.")
    rows = read_text(Path(path)).split("\n")
    if any(not _is_number(word) and not _means_none(word) for word in _words(rows[0])):
        texts, lines = _headed_centroids(Path(path), report)
    else:
        texts, lines = _plain_centroids(rows, order, path, report)
    texts["w"] = texts["h"] = [str(size_px)] * len(lines)
    table = _of_sequence(texts, sequence, category, path, lines, report)
    return table.assign(x=table.x - origin + 0.5, y=table.y - origin + 0.5)


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table of labels or truths so that `read_table` gives it back unchanged."""
    write_csv(table, path)


def check(
    table: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    where: str | Path,
    report: Report = stop,
) -> pd.DataFrame:
    """Report each row that cannot be true of its sequence, or is there twice.

    Args:
      table: Labels or truths; an index named `line` tells each row's line in its file, else row
        k is line k + 2.
      shapes: T, H, W of each known sequence.
      where: File that the error names.
      report: Is told of each problem.

    Returns:
      The table without the rows reported.

    Raises:
      InputError: By default; names the first row that breaks a rule.
    """
    lines = table.index if table.index.name == "line" else np.arange(len(table)) + 2
    right = np.ones(len(table), bool)
    for k, row in enumerate(table.itertuples(index=False)):
        broken = broken_rule(row, shapes)
        if broken is not None:
            report(InputError(f"{where} line {lines[k]}", *broken, ROW_REMEDY))
            right[k] = False
    rule = f"a label must not be there twice with the same {', '.join(_SAME)}"
    for k in np.flatnonzero(table.duplicated(_SAME)).tolist():
        found = ", ".join(str(value) for value in table[_SAME].iloc[k])
        report(InputError(f"{where} line {lines[k]}", rule, found, ROW_REMEDY))
        right[k] = False
    return table[right]


def broken_rule(row, shapes: Mapping[str, tuple[int, int, int]]) -> tuple[str, object] | None:
    """The first rule that a row breaks, and the value that breaks it."""
    if row.sequence not in shapes:
        known = ", ".join(sorted(shapes)[:3]) + (", ..." if len(shapes) > 3 else "")
        return f"sequence must be a known one ({known})", repr(row.sequence)
    if row.category not in CATEGORIES:
        return f"category must be {' or '.join(CATEGORIES)}", repr(row.category)
    length, height, width = shapes[row.sequence]
    for column, limit in (("frame", length), ("x", width), ("y", height)):
        if not 0 <= getattr(row, column) < limit:
            return f"{column} must lie in 0 <= {column} < {limit}", getattr(row, column)
    for column in ("w", "h"):
        if not 0 < getattr(row, column) < math.inf:
            return f"{column} must be above 0 and finite", getattr(row, column)
    for column in ("snr", "visible"):
        if not math.isfinite(getattr(row, column, 0.0)):
            return f"{column} must be a finite number", getattr(row, column)
    return None


def _headed_centroids(path: Path, report: Report) -> tuple[dict[str, list[str]], list[int]]:
    texts = read_columns(path, ("frame", "x", "y"), others=True, report=report)
    pairs = list(zip(texts["x"], texts["y"], strict=True))
    kept = [
        row
        for row, pair in enumerate(pairs)
        if None not in pair and not all(map(_means_none, pair))
    ]
    lines = lines_of(texts)
    chosen = {column: [texts[column][row] for row in kept] for column in ("frame", "x", "y")}
    return chosen, [lines[row] for row in kept]


def _plain_centroids(
    rows: list[str], order: str, path: str | Path, report: Report
) -> tuple[dict[str, list[str]], list[int]]:
    found = []
    for frame, row in enumerate(rows):
        words = _words(row)
        if [word.lower() for word in words] == ["none"]:
            continue
        if len(words) % 2:
            rule = "a line must hold pairs of numbers, None or nothing"
            where = f"{path} line {frame + 1}"
            report(InputError(where, rule, repr(row), "Correct the line."))
            continue
        pairs = zip(words[::2], words[1::2], strict=True)
        found += [(str(frame), *pair) for pair in pairs if not all(map(_means_none, pair))]
    columns = ("frame", "x", "y") if order == "xy" else ("frame", "y", "x")
    texts = {column: [row[k] for row in found] for k, column in enumerate(columns)}
    return texts, [int(frame) + 1 for frame in texts["frame"]]


def _words(row: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", row) if word]


def _means_none(word: str) -> bool:
    """Whether a coordinate says that there is no target: nothing, None or 0."""
    return re.fullmatch(r"\s*(none|0*(\.0*)?)\s*", word, re.IGNORECASE) is not None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _of_sequence(
    texts: dict[str, list[str]],
    sequence: str,
    category: str,
    path: str | Path,
    lines: list[int],
    report: Report,
) -> pd.DataFrame:
    same = {"sequence": sequence, "category": category, **_DEFAULTS}
    filled = {column: [text] * len(lines) for column, text in same.items()}
    table = _table({**texts, **filled}, COLUMNS, path, lines, report)
    if table.index.name == "line":
        return table
    return table.set_index(pd.Index(lines, name="line", dtype="int64"))


def _table(
    texts: dict[str, list[str]],
    columns: Sequence[str],
    path: str | Path,
    lines: list[int],
    report: Report,
) -> pd.DataFrame:
    """The texts as a table; rows that are reported are left out, others then bear their line."""
    parsed = {}
    for column in columns:
        if column in _TEXTS:
            parsed[column] = pd.Series(texts[column], dtype="str")
        else:
            whole = column == "frame"
            parsed[column] = numbers(column, texts[column], path, lines, whole, report)
    table = pd.DataFrame(parsed)
    right = table.notna().all(axis=1)
    if right.all():
        return table
    index = pd.Index(lines, name="line", dtype="int64")
    return table.set_index(index)[right.to_numpy()].astype({"frame": "int64"})
