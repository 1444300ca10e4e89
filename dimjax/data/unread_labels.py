"""Documents that seem to hold labels in a form that is not read, and what to do about them.

flaw(Path("annotations.xml"), names)                # InputError: ... found those of CVAT. Export
"""

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from dimjax.data.csv_files import read_text, separator_of
from dimjax.data.label_columns import NO_LABELS, column_names, is_coordinate, unusable
from dimjax.data.label_patterns import AFFIXES, LABELS
from dimjax.data.number_rows import unread_rows
from dimjax.data.sniffing import numbers_of, tells_attitude, tells_place_in_space
from dimjax.data.walking import yaml_files
from dimjax.errors import InputError
from dimjax.progress import counted

_OF_MATLAB = "Write a CSV frame,x,y,w,h for each sequence, with data.layout.first_pixel=1."
_MATLAB = re.compile(r"\W*imagefilename\W+(?!x\b)\w+", re.IGNORECASE)
_COCO = "Export them from there as COCO or YOLO."
_CONVERT = "Write them as COCO (an image for each frame) or as a CSV frame,x,y,w,h per sequence."
_HEADER = "Write commas and a header, such as frame,x,y or frame,x,y,w,h."
# Pattern at the beginning of a document -> the program or data set, and the remedy.
_XML = (
    (
        r"<annotations>.*<(track|image|meta)\b",
        "CVAT",
        "Export them as COCO, or as MOT for a video.",
    ),
    (r"<annotation>.*<polygon>", "LabelMe in XML", "Write bndbox in place of polygon."),
    (r"<(b?box|bndbox|rect|point|polygon)\b", "another program", _CONVERT),
)
_JSON = (
    ({"shapes", "imagePath"}, "LabelMe", "Convert them to COCO or YOLO (labelme2coco)."),
    ({"_via_img_metadata"}, "VIA", _COCO),
    ({"videos", "annotations"}, "YouTube-VIS", _CONVERT),
    ({"annotations", "data"}, "Label Studio", _COCO),
    ({"label", "image"}, "Label Studio", _COCO),
    ({"image_id", "bbox"}, "COCO without its images and categories", "Write all three lists."),
    ({"objects", "size"}, "Supervisely", _COCO),
    ({"labels", "name"}, "Scalabel or BDD100K", _CONVERT),
    ({"res"}, "a tracker, rectangles alone", "Write a CSV frame,x,y,w,h for each sequence."),
    ({"gt_rect"}, "rectangles alone", "Add a list exist, 1 for each rectangle, 0 where none is."),
)
_BOX_KEYS = {"bbox", "bboxes", "bb", "box", "boxes", "bndbox", "rect", "polygon", "centroid"}
_FEWEST_NUMBERS = 4  # of a box
_NUMBERS_OF_LABELS = {2, 3, 4, 5, 6}  # of points or boxes, perhaps with a frame and a track
_NUMBER = re.compile(r"(?<![\w.])-?\d+(\.\d+)?(e[-+]?\d+)?(?!\w)")
_ABOVE_HEADER = ("#", "%", "sep=")  # comments, and the separator for Excel
_LINES = 20  # of a text that are looked at


def find_yaml(root: Path, names: Collection[str]) -> list[Path]:
    """Return the YAML files that are called as labels, a sequence or a frame, in a folder.

    Those that name classes, with the key names, are none.
    """
    called = [it for it in yaml_files(root) if _stem(it) in names or LABELS.fullmatch(it.stem)]
    return [it for it in called if not _names_classes(it)]


def flaw(document: Path, names: Collection[str]) -> InputError | None:
    """Return why a document that seems to hold labels cannot be read; None if it seems not to.

    Args:
      document: The file, which is in no known format.
      names: Names of sequences and frames; texts with a class and a box in their lines seem to be
        labels if they are called so.
    """
    try:
        text = read_text(document)
    except InputError as error:
        return error
    suffix = document.suffix.lower()
    is_named = _is_named(document, names)
    if suffix == ".json":
        try:
            content = json.loads(text or "{}")  # an empty file is another doubt
        except (ValueError, RecursionError) as error:
            return InputError(document, "it must be JSON", error, f"Export it again.{NO_LABELS}")
        found = _of_json(content, is_named)
    elif suffix == ".xml":
        found = next((row[1:] for row in _XML if re.search(row[0], text[:9999], re.DOTALL)), None)
    elif suffix in (".yaml", ".yml"):
        found = "a YAML file", _CONVERT
    elif "region_shape_attributes" in (header := text.partition("\n")[0]):
        found = "VIA", _COCO
    elif _MATLAB.match(header):
        found = "a groundTruth of MATLAB, a column for each number of a box", _OF_MATLAB
    elif tells_attitude(header):
        found = None
    elif tells_place_in_space(header):
        found = "places in space", "If x and y are pixels, remove the column z."
    else:
        place = document.parent.name
        is_placed = is_named or place in names or LABELS.fullmatch(place) is not None
        found = _of_numbers(text) if is_placed else None
        if found is None and (error := _of_header(document, text)):
            return error
        found = found or (_of_lines(text) if is_named else None)
        above = (document.parent.name, document.parent.parent.name)
        if found is None and is_named and any(map(LABELS.fullmatch, above)):
            found = _unknown(text)
    if found is None:
        return None
    name, remedy = found
    remedy += NO_LABELS
    return InputError(document, "labels must be in a form that is read", f"those of {name}", remedy)


def only_empty(documents: list[Path], names: Collection[str]) -> InputError | None:
    """Return the doubt about empty documents that are called as labels; None without one.

    Args:
      documents: The documents of a folder without any label.
      names: Names of sequences and frames.
    """
    empty = [it for it in documents if _is_named(it, names) and it.stat().st_size == 0]
    if not empty:
        return None
    value = f"{counted(len(empty), 'empty file')}, called as sequences, frames or labels are"
    remedy = f"Export the labels again.{NO_LABELS}"
    return InputError(empty[0], "label files must hold some label", value, remedy)


def _is_named(document: Path, names: Collection[str]) -> bool:
    """Whether a document is called as a sequence, a frame or labels."""
    return _stem(document) in names or LABELS.fullmatch(document.stem) is not None


def _of_header(document: Path, text: str) -> InputError | None:
    """The flaw of the header of a table of labels, or of its place; None for other texts."""
    lines = text.split("\n")[:_LINES]
    above = next((k for k, line in enumerate(lines) if not line.startswith(_ABOVE_HEADER)), 0)
    names = column_names(lines[above].split(separator_of(lines[above])))
    if above and {"frame", "x", "y"} <= set(names):
        rule, remedy = "the first line must be the header", f"Remove all above line {above + 1}."
        return InputError(f"{document} line 1", rule, repr(lines[0]), remedy)
    return unusable(document, lines[0])


def _names_classes(file: Path) -> bool:
    try:
        return re.search(r"^names\s*:", read_text(file), re.MULTILINE) is not None
    except InputError:  # reported as a flaw
        return False


def _stem(document: Path) -> str:
    return re.sub(rf"({AFFIXES})$", "", document.stem)


def _of_json(content: Any, is_named: bool) -> tuple[str, str] | None:
    first = content[0] if isinstance(content, list) and content else content
    entries = first if isinstance(first, dict) else {}
    if any(isinstance(it, dict) and "regions" in it for it in entries.values()):
        return "VIA", _COCO
    found = next((row[1:] for row in _JSON if row[0] <= entries.keys()), None)
    if found and not isinstance(entries.get("res", []), list):
        found = None  # a resolution
    parts = list(_parts(content))
    holds_labels = any(map(_has_box, parts)) or is_named and any(map(_holds_points, parts))
    return found or (("another program", _CONVERT) if holds_labels else None)


def _parts(content: Any) -> Iterator[dict | list]:
    """Yield all objects and lists in a JSON, however deep, the outer ones first."""
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict | list):
            yield part
            waiting += part.values() if isinstance(part, dict) else part


def _has_box(part: dict | list) -> bool:
    """Whether a part of a JSON has a box, or several entries, all of them x, y, w, h."""
    if isinstance(part, list):
        return False
    rows = [it for it in part.values() if isinstance(it, list) and len(it) == _FEWEST_NUMBERS]
    numeric = [it for it in rows if _are_numbers(it)]
    return len(numeric) > 1 and len(numeric) == len(part) or bool(_BOX_KEYS & part.keys())


def _holds_points(part: dict | list) -> bool:
    """Whether a part of a JSON has x and y, but no z, or is a list of as many numbers each."""
    if isinstance(part, dict):
        return {"x", "y"} <= part.keys() and "z" not in part
    counts = {len(it) if isinstance(it, list) and _are_numbers(it) else 0 for it in part}
    return len(part) > 1 and len(counts) == 1 and counts <= _NUMBERS_OF_LABELS


def _are_numbers(values: list) -> bool:
    return all(isinstance(it, int | float) for it in values)


def _of_numbers(text: str) -> tuple[str, str] | None:
    """What lines are that hold only numbers, and the remedy; None for others."""
    lines = [line.strip() for line in text.split("\n")[:_LINES] if line.strip()]
    rows = [numbers_of(line) for line in lines]
    found = None if None in rows else unread_rows(rows, "," in lines[0] if lines else False)
    return found and (f"{found[0]}, such as {lines[0]!r}", found[1])


def _of_lines(text: str) -> tuple[str, str] | None:
    """What lines are that are mostly a class and a box, or only numbers; None for others."""
    lines = [line.strip() for line in text.split("\n")[:_LINES] if line.strip()]
    boxes = [line for line in lines if _is_box(line)]
    rows = [re.split(r"[\s,;]+", line) for line in lines]
    numeric = sum(sum(map(_is_number, row)) > 1 for row in rows)
    if 2 * len(boxes) > numeric:
        return f"another program, such as {boxes[0]!r}", _CONVERT
    return _without_header(lines)


def _unknown(text: str) -> tuple[str, str] | None:
    """What lines with several numbers are in a folder of labels, whatever their columns mean."""
    lines = [line.strip() for line in text.split("\n")[:_LINES] if line.strip()]
    if not any(len(_NUMBER.findall(line)) > 1 for line in lines):
        return None
    return f"another program, such as {lines[0]!r}", _CONVERT


def _without_header(lines: list[str]) -> tuple[str, str] | None:
    """What lines are that hold as many numbers each, behind at most one line of other names."""
    counts = [sum(1 for _ in _NUMBER.finditer(line)) for line in lines]
    start = int(bool(counts) and counts[0] < min(_NUMBERS_OF_LABELS))
    words = re.findall(r"[^\W\d]+", lines[0]) if start else []
    if words and not any(map(is_coordinate, words)):
        return None  # such as frames and times
    if len(lines) - start < 2 or not set(counts[start:]) <= _NUMBERS_OF_LABELS:
        return None
    if len(set(counts[start:])) > 1:
        return None
    header = "a usual header" if start else "a header"
    return f"a table without {header}, such as {lines[start]!r}", _HEADER


def _is_box(line: str) -> bool:
    words = re.split(r"[\s,;]+", line)
    numbers = sum(map(_is_number, words))
    named = any(re.match(r"\W?[A-Za-z]", word) for word in words)
    return numbers >= _FEWEST_NUMBERS and named


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d*)?", word) is not None
