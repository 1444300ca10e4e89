"""Tables of labels that other programs have written, by the names of their columns.

Names may be in any case, in any order and with a unit (`X [px]`), a few in German too; fields may
be separated by semicolons or tabs, and numbers may then have a decimal comma. Other columns are
left out, with a note but for those that name files or times.

    rows = read_label_rows(Path("a.csv"), ("frame", "x", "y", "w", "h"), {"track": ""}, raise_error)
    rows.columns["x"], rows.lines                       # [12.5, 13.0], [2, 4]
"""

import difflib
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dimjax.data.csv_files import (
    ROW_REMEDY,
    line_numbers,
    parse_numbers,
    read_columns,
    separator_of,
)
from dimjax.errors import InputError, Note, OnError

NO_LABELS = " If these are no labels, set data.layout.labels=''."
BOX = ("x", "y", "w", "h")

# Column -> other names, without the characters that `_plain` removes. `id` may number the rows,
# and x1 or xmin are corners: neither is among them.
_OTHER_NAMES = {
    "frame": "frameid frameno framenr framenum framenumber frameidx frameindex bild bildnr "
    "bildnummer",
    "x": "",
    "y": "",
    "w": "width breite",
    "h": "height hoehe höhe",
    "sequence": "seq sequencename video videoname sequenz",
    "category": "class classname label kategorie klasse",
    "track": "trackid objectid targetid",
    "source": "",
}
# Names of coordinates, without the characters that `_plain` removes.
_COORDINATE = re.compile(
    r"[xyuv]|[xy](min|max|1|2|c|cent(er|re)|pos)|(c|cent(er|re)|pos|position)[xy]"
    r"|row|col|column|left|top|bbox\w*|box|bb(left|top|width|height)"
)
# Columns that repeat which frame is meant, and need no note.
_OF_FRAMES = ("file", "filename", "image", "path", "time", "timestamp", "date")
# Columns that tell whether an object is seen -> their values where it is not.
_NO, _YES = ("0", "0.0", "false", "no"), ("1", "1.0", "true", "yes")
_SEEN = dict.fromkeys(("visible", "isvisible", "visibility", "exist", "exists", "present"), _NO)
_SEEN |= dict.fromkeys(("ispresent", "valid", "isvalid"), _NO)
_SEEN |= dict.fromkeys(("outside", "outofview", "outofframe", "invisible", "lost", "absent"), _YES)
_SEEN |= dict.fromkeys(("ignore", "ignored"), _YES)
_EMPTY = ("", "-", "nan", "none", "null", "na", "n/a")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
_ALIKE = 0.85  # of names of which one is the other misspelt; that of tracked and track is 0.83


class LabelRows(NamedTuple):
    """The valid rows of a table of labels."""

    lines: list[int]  # of the file
    columns: dict[str, list]  # numbers or texts of each column that was asked for
    absent: list[int]  # lines without any number of a box
    hidden: list[int]  # lines of objects that are absent or to be ignored, as a column says


def column_names(header: list[str]) -> list[str]:
    """Return the names of this package for those of a header; others stay as they are.

    A name that is a column's own comes before its other names: of `w` and `width`, w is meant.
    """
    plain = [_plain(name) for name in header]
    names = list(header)
    for column, others in _OTHER_NAMES.items():
        meant = [k for k, name in enumerate(plain) if name == column]
        meant = meant or [k for k, name in enumerate(plain) if name in others.split()]
        for k in meant:
            names[k] = column
    return names


def _plain(name: str) -> str:
    """A name without case, unit and separators."""
    name = re.sub(r"[\[(].*|[\W_]", "", name.lower())
    return re.sub(r"(?<=.)(px|pixels?)$", "", name)


def read_label_rows(
    path: Path, numbers: tuple[str, ...], texts: dict[str, str | None], on_error: OnError
) -> LabelRows:
    """Read the rows of a table that are valid.

    Args:
      path: CSV file with a header.
      numbers: Columns of numbers that it must have.
      texts: Column of texts -> its text if the file lacks it; None if it must not.
      on_error: Is called once for each invalid row; if it returns, the row is left out.

    Raises:
      InputError: The file is missing, or its header lacks a column or misspells one.
    """
    required = (*numbers, *(name for name, default in texts.items() if default is None))
    found = read_columns(path, required, tuple(texts), True, on_error, column_names)
    seen = [name for name in found if name not in texts and _plain(name) in _SEEN]
    rest = [name for name in found if name not in (*numbers, *texts, *_OF_FRAMES, *seen)]
    lacking = [name for name in texts if name not in found and name != "source"]  # but for score
    for name in rest:
        if near := difflib.get_close_matches(_plain(name), lacking, 1, _ALIKE):
            rule, remedy = "columns must have their names", f"Rename it to {near[0]}, or remove it."
            raise InputError(f"{path} line 1", rule, repr(name), remedy)
    if rest:
        # Without the file's name, so that the tables of many sequences share one note.
        message = f"tables of labels: columns {', '.join(map(repr, rest))} are not used for labels."
        warnings.warn(message, category=Note, stacklevel=2)
    lines = line_numbers(found)
    box = [found[name] for name in numbers if name in BOX]
    absent = np.array([all(map(_is_empty, row)) for row in zip(*box, strict=True)], bool)
    hidden = np.zeros(len(absent), bool)
    for name in seen:
        hidden |= [str(value).strip().lower() in _SEEN[_plain(name)] for value in found[name]]
    hidden &= ~absent
    parsed = {name: [*map(_with_point, found[name])] for name in numbers}
    values = {
        name: parse_numbers(name, column, path, lines, name == "frame", lambda error: None)
        for name, column in parsed.items()
    }
    valid = np.logical_and.reduce([np.isfinite(column) for column in values.values()])
    for row in np.flatnonzero(~valid & ~absent & ~hidden).tolist():
        if box[0][row] is not None:  # else the whole row has been reported
            bad = {k: parsed[k][row] for k, column in values.items() if np.isnan(column[row])}
            on_error(_invalid(f"{path} line {lines[row]}", bad))
    kept = np.flatnonzero(valid & ~absent & ~hidden).tolist()
    columns = {name: column[kept].tolist() for name, column in values.items()}
    for name, default in texts.items():
        columns[name] = [found[name][k] if name in found else default for k in kept]
    of = [[lines[k] for k in np.flatnonzero(rows)] for rows in (absent, hidden)]
    return LabelRows([lines[k] for k in kept], columns, *of)


def is_coordinate(name: str) -> bool:
    """Whether a name is that of a column of coordinates, also in other programs."""
    return _COORDINATE.fullmatch(_plain(name)) is not None


def unusable(path: Path, header: str) -> InputError | None:
    """Return why a table that seems to hold labels cannot be read; None if it seems not to.

    Args:
      path: The file, for the error.
      header: Its first line.
    """
    names = header.split(separator_of(header))
    if len(names) < 3 or not any(map(is_coordinate, names)):
        return None
    rule = "a table of labels must have the columns sequence, frame, x, y, w, h or, if it is of one"
    rule += " sequence and called like it, frame, x, y"
    remedy = "Rename or add columns; frame is a number." + NO_LABELS
    return InputError(f"{path} line 1", rule, ", ".join(name.strip() for name in names), remedy)


def _is_empty(text: str | None) -> bool:
    return text is not None and text.strip().lower() in _EMPTY


def _with_point(text: str | None) -> str | None:
    is_comma = text is not None and _DECIMAL_COMMA.fullmatch(text)
    return text.replace(",", ".") if is_comma else text


def _invalid(subject: str, texts: dict[str, str]) -> InputError:
    """The error of a row, for all of its texts that are no such numbers."""
    rest = [name for name in texts if name != "frame"]
    number = "finite numbers" if len(rest) > 1 else "a finite number"
    rules = ["frame must be a whole number of at most 9 digits"] if "frame" in texts else []
    rules += [f"{', '.join(rest)} must be {number}"] if rest else []
    value = ", ".join(map(repr, texts.values()))
    return InputError(subject, " and ".join(rules), value, ROW_REMEDY)
