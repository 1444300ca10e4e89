"""Boxes of a frame in the format of YOLO: a text with one box per line.

    0 0.392 0.277 0.031 0.031

A box is class, centre x and y, width and height; the four are shares of the frame's width and
height. A line of three points or more, class x1 y1 x2 y2 x3 y3 ..., is a polygon, of which the
bounding box is taken, as Ultralytics does. Of a box with key points in it only the box is read. An
empty or missing file means that the frame has no object.
"""

import contextlib
import os
import re
import warnings
from pathlib import Path
from typing import Any

import yaml

from dimjax.data.csv_files import read_text
from dimjax.data.formats.lines import class_name
from dimjax.data.formats.marks import Mark, Options, each_line, read_json, to_number
from dimjax.data.formats.yolo_pose import is_pose
from dimjax.errors import InputError, Note, OnError

_MOST_CLASSES = 10_000
_MOST_OF_BOX = 6  # numbers of a box; the sixth is the confidence of a prediction
_OTHER_FORMAT = "Correct the line or label_format."
_SEARCH_DEPTH = 2  # folders below that of the data
_CLASS_NAMES = re.compile(r"[^.].*\.(yaml|yml|names)|classes\.txt|notes\.json")
_CLASS_FILES = ("data.yaml", "dataset.yaml", "classes.txt", "obj.names", "labels/classes.txt")


def read_yolo(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of a text, as shares of the frame's size; key points are left out."""
    posed = []

    def parse(line: str, number: int) -> list[Mark]:
        words, subject = line.split(), f"{path} line {number}"
        if not words:
            return []
        if has_key_points(line):
            posed.append(number)
            words = words[:5]
        if not is_box_or_polygon(len(words)):
            rule = "a line must be a class and the centre and size of a box, or a polygon"
            raise InputError(subject, rule, repr(line), "Correct the line.")
        is_polygon = len(words) > _MOST_OF_BOX
        keys = ("x", "y") * (len(words) // 2) if is_polygon else ("x", "y", "w", "h")
        numbers = [to_number(w, subject, key) for w, key in zip(words[1:], keys, strict=False)]
        if max(numbers) > 1 + 1e-3:
            rule = f"the {'' if is_polygon else 'four '}numbers must be shares of the frame's size"
            raise InputError(subject, f"{rule}, 0 to 1", repr(line), _OTHER_FORMAT)
        box = _bounding_box(numbers) if is_polygon else numbers
        return [Mark(f"line {number}", "", *box, class_name(words[0], options))]

    marks = each_line(path, parse, on_error)
    if posed:  # without the file's name, so that the files of all frames share one note
        message = "lines of YOLO with key points in their boxes: only the boxes are read."
        warnings.warn(message, category=Note, stacklevel=2)
    return marks


def has_key_points(line: str) -> bool:
    """Whether a line is a class, a box and key points in it, rather than a polygon."""
    try:
        return is_pose([float(word) for word in line.split()[1:]])
    except ValueError:
        return False


def is_box_or_polygon(count: int) -> bool:
    """Whether a line with this number of words is a box (a confidence may follow) or a polygon."""
    return count in (5, _MOST_OF_BOX) or count > _MOST_OF_BOX and count % 2 == 1


def _bounding_box(points: list[float]) -> list[float]:
    """Centre and size of the box around x1, y1, x2, y2, ..."""
    sides = [(min(of_axis), max(of_axis)) for of_axis in (points[::2], points[1::2])]
    return [(low + high) / 2 for low, high in sides] + [high - low for low, high in sides]


def read_classes(folder: Path) -> tuple[str, ...]:
    """Read the names of the classes from data.yaml, classes.txt or obj.names, if there is one.

    If none is at its usual place, they are searched in the folder and two levels below it: in YAML
    with a key names, texts called classes.txt or *.names, and the notes.json of Label Studio. The
    name of a number that has none, as 0 if they begin with 1, is "".

    Raises:
      InputError: The file is no YAML, or its key names is neither a list nor a numbered mapping; or
        files that were searched differ.
    """
    usual = [folder / name for name in _CLASS_FILES if (folder / name).is_file()]
    if usual:
        return _names_in(usual[0])
    found: dict[tuple[str, ...], Path] = {}
    for file in _searched(folder):
        with contextlib.suppress(InputError):  # it may be of another kind
            found.setdefault(_names_in(file), file)
    found.pop((), None)
    if len(found) > 1:
        (names, file), (others, other) = list(found.items())[:2]
        rule = "all files must name the classes alike"
        value = f"{', '.join(names)} in {file} and {', '.join(others)} in {other}"
        raise InputError(folder, rule, value, "Write the names to classes.txt in the folder.")
    return next(iter(found), ())


def _searched(folder: Path) -> list[Path]:
    """Files that may hold names of classes."""
    files = []
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(folders) if depth < _SEARCH_DEPTH else []
        files += [Path(place) / name for name in sorted(names) if _CLASS_NAMES.fullmatch(name)]
    return files


def _names_in(file: Path) -> tuple[str, ...]:
    text = read_text(file)
    if file.suffix in (".yaml", ".yml"):
        return _yaml_names(text, file)
    if file.suffix == ".json":
        content = read_json(file)
        rows = content.get("categories") if isinstance(content, dict) else None
        rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return _by_number({row.get("id"): row.get("name") for row in rows}, file)
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def _yaml_names(text: str, file: Path) -> tuple[str, ...]:
    """Names by their numbers, "" for a number without a name."""
    try:
        content = yaml.load(text, yaml.BaseLoader)  # which makes all scalars texts, even `no`
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(file, "it must be YAML", error, "Correct the file.") from error
    if not isinstance(content, dict) or "names" not in content:
        return ()
    names = content["names"]
    return _by_number(dict(enumerate(names)) if isinstance(names, list) else names, file)


def _by_number(numbered: Any, file: Path) -> tuple[str, ...]:
    try:
        by_number = {int(key): name for key, name in numbered.items()}
    except (AttributeError, TypeError, ValueError):
        by_number = {-1: numbered}
    is_text = all(isinstance(name, str) and name for name in by_number.values())
    if not is_text or not all(0 <= key < _MOST_CLASSES for key in by_number):
        rule = "names must be a list of texts, or a mapping of the numbers of classes to them"
        raise InputError(file, rule, numbered, "Write e.g. names: {0: drone, 1: bird}.")
    return tuple(by_number.get(key, "") for key in range(max(by_number, default=-1) + 1))
