"""CSV files: texts by column with the line of each row, strict numbers, and safe writing.

In comes a CSV file with a header; out come its texts, column by column, or an error that names
the line. Row k of a file is its line k + 2, since a row has one line and no line is left empty.

    texts = read_columns(Path("labels.csv"), needed=("frame", "x", "y"))
    texts["x"]                                          # ["12.5", "13.0", ...]
    numbers("x", texts["x"], "labels.csv", lines_of(texts))
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.atomic_files import written_aside
from dimjax.errors import InputError, Report, stop

ROW_REMEDY = "Correct the row or remove it."

_LARGEST_WHOLE = 2**53  # above it float64 leaves whole numbers out


def read_columns(
    path: Path,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    others: bool = False,
    report: Report = stop,
) -> dict[str, list[str]]:
    """Texts of each column.

    Args:
      path: CSV file with a header.
      needed: Columns that must be there, in any order.
      optional: Columns that may be there.
      others: Whether other columns may be there too.
      report: Is told of rows of a wrong form; if it returns, their texts are None.

    Raises:
      InputError: The file is missing or its header or a row is not of this form.
    """
    rows = list(_rows(path))
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        remedy = f"Write the header {','.join(needed)}."
        raise InputError(path, "a table must have a header", "an empty file", remedy)
    header = [name.strip() for name in rows[0]]
    _check_header(path, header, needed, None if others else (*needed, *optional))
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            rule = f"a row must have {len(header)} fields as the header has"
            report(InputError(f"{path} line {line}", rule, f"{len(row)} fields", ROW_REMEDY))
            rows[line - 1] = [None] * len(header)
    return {name: [row[k] for row in rows[1:]] for k, name in enumerate(header)}


def lines_of(texts: dict[str, list[str]]) -> list[int]:
    """Line of each row that `read_columns` read."""
    return list(range(2, 2 + len(next(iter(texts.values())))))


def numbers(
    column: str,
    texts: Sequence[str | None],
    path: str | Path,
    lines: Sequence[int],
    whole: bool = False,
    report: Report = stop,
) -> np.ndarray:
    """Texts as float64, or as int64 if they must be whole; an error names the line.

    Where report lets texts pass that are no such numbers, they and None become NaN (float64).
    """
    values = np.array([_number(text) for text in texts], dtype=np.float64)
    right = np.isfinite(values)
    if whole:
        right &= (np.abs(values) < _LARGEST_WHOLE) & (values == np.round(values))
    rule = f"{column} must be a {'whole' if whole else 'finite'} number"
    for row in np.flatnonzero(~right).tolist():
        if texts[row] is not None:
            report(InputError(f"{path} line {lines[row]}", rule, repr(texts[row]), ROW_REMEDY))
    if right.all():
        return values.astype(np.int64) if whole else values
    return np.where(right, values, np.nan)


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table; under its name it is there whole or not at all.

    Raises:
      InputError: A text holds a line break, which would hide which line is which row.
    """
    path = Path(path)
    for column in table.select_dtypes(exclude="number"):
        broken = table[column].astype("str").str.contains(r"[\r\n]").to_numpy(dtype=bool)
        if broken.any():
            row = int(np.argmax(broken))
            rule = f"{column} must not hold a line break"
            found = repr(table[column].iloc[row])
            raise InputError(f"{path} line {row + 2}", rule, found, "Take it out.")
    with written_aside(path) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")


def read_text(path: Path) -> str:
    """Text of a UTF-8 file, line breaks as newlines.

    Raises:
      InputError: There is no such file, or it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        rule = "the file must exist and be UTF-8 text"
        raise InputError(path, rule, error, "Correct the path or the file.") from error


def _rows(path: Path) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(read_text(path)), strict=True)
    row: list[str] | None = []
    while row is not None:
        line = reader.line_num + 1
        where = f"{path} line {line}"
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(where, "a row must be CSV", error, ROW_REMEDY) from error
        if reader.line_num > line:
            raise InputError(where, "a field must not hold a line break", row, ROW_REMEDY)
        if row is not None:
            yield row


def _check_header(
    path: Path, header: list[str], needed: Sequence[str], allowed: Sequence[str] | None
) -> None:
    where = f"{path} line 1"
    for name in header:
        if header.count(name) > 1 or (allowed is not None and name not in allowed):
            rule = f"columns must be {', '.join(allowed or needed)}, each once"
            raise InputError(where, rule, repr(name), "Rename the column or remove it.")
    for name in needed:
        if name not in header:
            rule = f"there must be a column {name}"
            raise InputError(where, rule, ", ".join(header), "Add the column.")


def _number(text: str | None) -> float:
    try:  # Python's 1_000 is no number here
        return math.nan if text is None or "_" in text else float(text)
    except ValueError:
        return math.nan
