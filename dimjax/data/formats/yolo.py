"""Boxes of a frame in the format of YOLO: a text with one box per line.

    0 0.392 0.277 0.031 0.031

A box is class, centre x and y, width and height; the four are shares of the frame's width and
height. A line of three points or more, class x1 y1 x2 y2 x3 y3 ..., is a polygon, of which the
bounding box is taken, as Ultralytics does. Of a box with key points in it only the box is read. An
empty or missing file means that the frame has no object.
"""

import warnings
from pathlib import Path

from dimjax.data.formats.class_names import class_name
from dimjax.data.formats.marks import Mark, Options, each_line, to_number
from dimjax.data.formats.yolo_pose import is_pose
from dimjax.errors import InputError, Note, OnError

_MOST_OF_BOX = 6  # numbers of a box; the sixth is the confidence of a prediction
_OTHER_FORMAT = "Correct the line or label_format."


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
