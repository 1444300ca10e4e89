"""CSV files: strict reading as texts by column, parsing of numbers, and atomic writing.

Errors name the line of the file. Row k of a file is its line k + 2, since each row takes one line
and no line is empty.

    texts = read_columns(Path("labels.csv"), required=("frame", "x", "y"))
    texts["x"]                                          # ["12.5", "13.0", ...]
    parse_numbers("x", texts["x"], "labels.csv", line_numbers(texts))
"""

import codecs
import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from dimjax.atomic_files import atomic_write, check_regular
from dimjax.data.lfs_pointers import check_pointer
from dimjax.errors import InputError, OnError, raise_error

ROW_REMEDY = "Correct the row or remove it."

_MAX_BYTES = 2**31  # of a text file
_MAX_LINE = 2**20  # characters; numbers of longer ones would be parsed for minutes
_ON_ONE_LINE = (".json", ".xml")  # may be written without any line break
_MAX_INTEGER = 10**9  # integers have at most 9 digits


def read_columns(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    allow_others: bool = False,
    on_error: OnError = raise_error,
    rename: Callable[[list[str]], list[str]] | None = None,
) -> dict[str, list[str]]:
    """Read the texts of each column.

    Args:
      path: CSV file with a header.
      required: Columns that the file must have, in any order.
      optional: Columns that the file may have.
      allow_others: Whether it may have further columns.
      on_error: Is called for each malformed row; if it returns, the texts of that row are None.
      rename: Converts the names in the header of a table that others have written, whose fields
        may be separated by semicolons or tabs too.

    Returns:
      Column -> text of each row, for all columns of the file.

    Raises:
      InputError: The file is missing, or its header or a row is malformed.
    """
    rows = list(_rows(path, any_separator=rename is not None))
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        remedy = f"Write the header {','.join(required)}."
        raise InputError(path, "a table must have a header", "an empty file", remedy)
    header = [name.strip() for name in rows[0]]
    header = rename(header) if rename else header
    _check_header(path, header, required, optional, allow_others)
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            rule = f"a row must have {len(header)} fields as the header has"
            on_error(InputError(f"{path} line {line}", rule, f"{len(row)} fields", ROW_REMEDY))
            rows[line - 1] = [None] * len(header)
    return {name: [row[k] for row in rows[1:]] for k, name in enumerate(header)}


def read_own_table(path: Path, texts: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Read a table that dimjax wrote, faster than `read_columns`; empty texts are kept.

    Args:
      path: CSV file.
      texts: Columns of texts that it may have.
      numbers: Columns that it must have, with a number in each row.

    Raises:
      InputError: The file is missing, or is no such table.
    """
    check_regular(path, _MAX_BYTES)
    rule, remedy = f"it must be a table with the numbers {', '.join(numbers)}", "Restore the file."
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(texts, "str"), keep_default_na=False)
    except (OSError, ValueError) as error:  # also of pandas, at rows of other lengths
        raise InputError(path, rule, error, remedy) from error
    for name in numbers:
        if name not in table or len(table) and not is_numeric_dtype(table[name]):
            raise InputError(path, rule, f"none in {name}", remedy)
    return table


def line_numbers(texts: dict[str, list[str]]) -> list[int]:
    """Return the line of each row that `read_columns` read."""
    return list(range(2, 2 + len(next(iter(texts.values())))))


def parse_numbers(
    column: str,
    texts: Sequence[str | None],
    path: str | Path,
    lines: Sequence[int],
    integer: bool = False,
    on_error: OnError = raise_error,
) -> np.ndarray:
    """Parse the texts of a column as finite numbers.

    Args:
      column: Name of the column, for the error.
      texts: Text of each row; None is not reported.
      path: File, for the error.
      lines: Line of each row in the file.
      integer: Whether the numbers must be integers of at most 9 digits.
      on_error: Is called for each text that is no such number.

    Returns:
      float64, or int64 if `integer`. If a text is None or not a number, the array is float64
      with NaN in its place.
    """
    values = np.array([_to_float(text) for text in texts], dtype=np.float64)
    valid = np.isfinite(values)
    if integer:
        valid &= (np.abs(values) < _MAX_INTEGER) & (values == np.round(values))
    rule = f"{column} must be a {'whole' if integer else 'finite'} number"
    rule += " of at most 9 digits" if integer else ""
    for row in np.flatnonzero(~valid).tolist():
        if texts[row] is not None:
            on_error(InputError(f"{path} line {lines[row]}", rule, repr(texts[row]), ROW_REMEDY))
    if valid.all():
        return values.astype(np.int64) if integer else values
    return np.where(valid, values, np.nan)


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table atomically, without its index.

    Raises:
      InputError: A text contains a line break, so rows would no longer match lines.
    """
    path = Path(path)
    for column in table.select_dtypes(exclude="number"):
        broken = table[column].astype("str").str.contains(r"[\r\n]").to_numpy(dtype=bool)
        if broken.any():
            row = int(np.argmax(broken))
            rule = f"{column} must not contain a line break"
            value = repr(table[column].iloc[row])
            raise InputError(f"{path} line {row + 2}", rule, value, "Remove the line break.")
    with atomic_write(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def read_text(path: Path) -> str:
    r"""Read a file of UTF-8, or of UTF-16 if its byte order mark says so; line breaks become \n.

    Raises:
      InputError: The file does not exist, is no file, is too large, is a pointer of Git LFS, is in
        no such encoding, or has a line of more than 2^20 characters, unless it is JSON or XML.
    """
    check_regular(path, _MAX_BYTES)
    check_pointer(path)
    try:
        with path.open("rb") as file:
            is_wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        text = path.read_text(encoding="utf-16" if is_wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        rule, remedy = "the file must exist and be UTF-8 text", "Correct the path or the file."
        if isinstance(error, UnicodeDecodeError):
            remedy = "Save it as UTF-8, in Excel as CSV UTF-8."
        raise InputError(path, rule, error, remedy) from error
    if len(text) > _MAX_LINE and path.suffix.lower() not in _ON_ONE_LINE:
        _check_lines(path, text)
    return text


def _check_lines(path: Path, text: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > _MAX_LINE:
            rule = f"a line must have at most {_MAX_LINE:,} characters"
            remedy = "Write a label per line, or move the file elsewhere."
            raise InputError(f"{path} line {number}", rule, f"{len(line):,}", remedy)


def separator_of(header: str) -> str:
    """Return the mark that separates the fields of a header: a comma, semicolon or tab."""
    return next((mark for mark in ",;\t" if mark in header), ",")


def _rows(path: Path, any_separator: bool) -> Iterator[list[str]]:
    text = read_text(path)
    mark = separator_of(text.partition("\n")[0]) if any_separator else ","
    reader = csv.reader(io.StringIO(text), strict=True, delimiter=mark)
    row: list[str] | None = []
    while row is not None:
        line = reader.line_num + 1
        subject = f"{path} line {line}"
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(subject, "a row must be CSV", error, ROW_REMEDY) from error
        if reader.line_num > line:
            raise InputError(subject, "a field must not contain a line break", row, ROW_REMEDY)
        if row is not None:
            yield row


def _check_header(
    path: Path,
    header: list[str],
    required: Sequence[str],
    optional: Sequence[str],
    allow_others: bool,
) -> None:
    subject, known = f"{path} line 1", (*required, *optional)
    missing = [name for name in required if name not in header]
    if missing and len(header) == 1 and re.search("[;\t]", header[0]):
        rule, remedy = "fields must be separated by commas", "Save the table with commas."
        raise InputError(subject, rule, repr(header[0]), f"{remedy} Decimals need points.")
    for name in header:
        is_known = name in known
        if not is_known and not allow_others or is_known and header.count(name) > 1:
            rule = f"columns must be {', '.join(required if allow_others else known)}, each once"
            raise InputError(subject, rule, repr(name), "Rename the column or remove it.")
    if missing:
        rule, remedy = f"there must be a column {missing[0]}", "Add the column."
        if len(missing) > 1:
            rule, remedy = f"there must be columns {', '.join(required)}", "Add or rename columns."
        raise InputError(subject, rule, ", ".join(header), remedy)


def _to_float(text: str | None) -> float:
    try:  # Python would read 1_000 as a number
        return math.nan if text is None or "_" in text else float(text)
    except ValueError:
        return math.nan
