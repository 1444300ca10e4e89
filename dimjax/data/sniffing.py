"""The format of a label file, recognised by its content.

sniff(Path("gt.txt"))                               # "mot"
"""

import json
import re
from pathlib import Path

from dimjax.data.csv_files import read_text, separator_of
from dimjax.data.formats.centroids import has_decimal_commas
from dimjax.data.formats.yolo import is_box_or_polygon
from dimjax.data.formats.yolo_pose import is_pose
from dimjax.data.label_columns import column_names
from dimjax.data.number_rows import have_flags, unread_rows
from dimjax.errors import InputError

_LINES = 20  # of a text that are looked at
_MOST_IN_LINE = 8  # numbers of a polygon; more of them are a list
_ATTITUDE = {"roll", "pitch", "yaw", "heading", "qx", "qy", "qz", "qw"}
_PATH_AND_BOXES = re.compile(r"\S.*?\s-?[\d.]+(,-?[\d.]+){4}(\s|$)")


def sniff(path: Path) -> str | None:
    """Return the name of the format of a label file; None if it is empty or no label file."""
    try:
        text = read_text(path)
    except InputError:
        return None
    if path.suffix.lower() == ".json":
        return _of_json(text)
    if path.suffix.lower() == ".xml":
        points = "centroid-xml" if "<object>" in text and "<x>" in text else None
        return "voc" if "<bndbox>" in text else points
    lines = [line.strip() for line in text.split("\n")]
    form = _of_lines([line for line in lines[:_LINES] if line])
    # The first images of such a list may have no box.
    return form or ("lines" if any(map(_PATH_AND_BOXES.match, lines[_LINES:])) else None)


def _of_json(text: str) -> str | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    keys = content.keys() if isinstance(content, dict) else set()
    if {"images", "annotations", "categories"} <= keys:
        return "coco"
    if {"exist", "gt_rect"} <= keys:
        return "exist-rect"
    rows = content if isinstance(content, list) else []
    is_spotgeo = bool(rows) and isinstance(rows[0], dict) and "object_coords" in rows[0]
    return "spotgeo" if is_spotgeo else None


def _of_lines(lines: list[str]) -> str | None:
    if not lines:
        return None
    header = set(_columns(lines[0]))
    if tells_place_in_space(lines[0]) or tells_attitude(lines[0]):
        return None
    if {"frame", "x", "y"} <= header:
        is_box = {"w", "h"} <= header
        return ("table" if "sequence" in header else "boxes") if is_box else "centroids"
    if any(_PATH_AND_BOXES.match(line) for line in lines):
        return "lines"
    if any(has_decimal_commas(line) for line in lines):  # refused there, with a remedy
        return "centroids"
    rows = [numbers_of(line) for line in lines]
    if None in rows:
        return None
    counts = {len(row) for row in rows if row}
    boxes = [row[:5] if is_pose(row[1:]) else row for row in rows if row]
    shares = all(all(0 <= number <= 1 for number in row[1 : _yolo_end(row)]) for row in boxes)
    is_yolo = boxes and all(is_box_or_polygon(len(row)) for row in boxes) and shares
    if is_yolo and "," not in lines[0]:
        return "yolo"
    if unread_rows(rows, "," in lines[0]):  # named in unread_labels
        return None
    if counts and min(counts) >= 6 and max(counts) <= 10 and "," in lines[0]:
        return "centroids" if counts == {8} and not have_flags(rows) else "mot"
    if len(rows) == 1 and len(rows[0]) > _MOST_IN_LINE and set(rows[0]) <= {0, 1}:
        return None  # whether the object is hidden in each frame, as LaSOT has it
    if counts == {4}:
        return "rectangles"
    # A lone number per line is a list of names rather than labels.
    return "centroids" if counts and all(count % 2 == 0 for count in counts) else None


def tells_place_in_space(header: str) -> bool:
    """Whether a header has the columns x, y and z, as for the place of a camera, and no box."""
    names = _plain_columns(header)
    return {"x", "y", "z"} <= names and not {"w", "h"} & names


def tells_attitude(header: str) -> bool:
    """Whether a header has columns of angles or of a quaternion, and no box."""
    names = _plain_columns(header)
    return len(names & _ATTITUDE) > 1 and not {"w", "h"} & names


def _plain_columns(header: str) -> set[str]:
    """Names of columns in lower case, without units."""
    return {re.sub(r"[\[(].*|[\W_]", "", name.lower()) for name in _columns(header)}


def _columns(header: str) -> list[str]:
    return column_names(header.split(separator_of(header)))


def _yolo_end(row: list[float]) -> int:
    """End of the coordinates in a line of YOLO: those of a box, or all of a polygon."""
    return 5 if len(row) <= 6 else len(row)


def numbers_of(line: str) -> list[float] | None:
    """The numbers of a line, none for one that says that there is no object; None for a text."""
    words = [word for word in re.split(r"[\s,;]+", line) if word]
    if all(word.lower() in ("none", "nan") for word in words):
        return []
    try:
        return [float(word) for word in words]
    except ValueError:
        return None
