"""Marks: labels as a file states them, before conventions of pixels and frames are applied.

table = marks_table([Mark("line 3", 17, 298.0, 247.0, 44.0, 34.0)])
table.place[0]                                      # "line 3"
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dimjax.data.csv_files import read_text
from dimjax.errors import InputError, OnError

_MAX_INTEGER = 10**9  # integers have at most 9 digits

# What x, y of a box are -> its centre from there, in widths and heights.
BOX_SHIFTS = {"corner": (0.5, 0.5), "centre": (0.0, 0.0), "bottom-left": (0.5, -0.5)}


class Mark(NamedTuple):
    """A label in the numbers of its file."""

    place: str  # within the file, such as "line 3", for errors
    frame: int | str  # number of the frame, or path of its image; "" if the file is of one frame
    x: float
    y: float
    w: float = math.nan  # unknown for points
    h: float = math.nan
    category: str = ""  # name of its class; "" if the format has none
    track: str = ""
    sequence: str = ""  # "" if the file or the path of the image tells it
    source: str = "annotator"
    image_size: tuple[int, int] | None = None  # W, H of the image, if the file tells
    left_out: str = ""  # why it is no label, to be counted; "" if it is one


ABSENT = Mark("", 0, math.nan, math.nan, left_out="without a box: frames without an object")
HIDDEN = ABSENT._replace(left_out="of objects that are absent or to be ignored, and left out")


class Options(NamedTuple):
    """Facts about a file that it does not contain."""

    order: str = "xy"  # of the two numbers of a point: xy or rowcol
    classes: tuple[str, ...] = ()  # names of numbered classes, from 0


class Format(NamedTuple):
    """A format of label files.

    Attributes:
      read: Reads the marks of a file; called with path, options and on_error.
      scope: What a file covers: folder (or a part of it), sequence or frame.
      has_classes: Whether each label has a class.
      is_numbered: Whether classes are numbers, whose names are in a file of their own.
      is_point: Whether labels are numbers of pixels rather than boxes.
      box_point: The point of a box that x, y are.
      is_inclusive: Whether boxes are two corners, by default first and last pixel if pixels are
        counted from 1.
      is_normalised: Whether coordinates are shares of the frame's width and height.
      count: Counts the entries of a file that has one for each frame, as a line; None for others.
    """

    read: Callable[[Path, Options, OnError], list[Mark]]
    scope: str
    has_classes: bool = False
    is_numbered: bool = False
    is_point: bool = False
    box_point: str = "corner"
    is_inclusive: bool = False
    is_normalised: bool = False
    count: Callable[[Path], int | None] | None = None


def to_number(value: Any, subject: str, key: str) -> float:
    """Convert a text or a JSON value to a finite number.

    Raises:
      InputError: It is none.
    """
    try:
        number = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        rule, remedy = f"{key} must be a finite number", "Correct or remove it."
        raise InputError(subject, rule, repr(value), remedy)
    return number


def to_integer(value: Any, subject: str, key: str) -> int:
    """Convert a text or a JSON value to an integer.

    Raises:
      InputError: It is none.
    """
    number = to_number(value, subject, key)
    if number != round(number) or abs(number) >= _MAX_INTEGER:
        rule = f"{key} must be a whole number of at most 9 digits"
        remedy = "Correct or remove it."
        raise InputError(subject, rule, repr(value), remedy)
    return int(number)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
      InputError: The file is missing or no JSON.
    """
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(path, "it must be JSON", error, "Export it again.") from error


def count_lines(path: Path) -> int:
    """Count the lines of a text; a line break at its end begins no other one."""
    text = read_text(path)
    return text.count("\n") + (not text.endswith("\n")) if text else 0


def each_line(path: Path, parse: Callable[[str, int], list[Mark]], on_error: OnError) -> list[Mark]:
    """Parse the lines of a text, counted from 1; a line that raises an InputError is left out."""
    marks: list[Mark] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        try:
            marks += parse(line.strip(), number)
        except InputError as error:
            on_error(error)
    return marks
