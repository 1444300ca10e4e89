"""Boxes in the format of COCO: JSON with images, annotations and categories.

    {"images": [{"id": 1, "file_name": "images/test/data6/0.bmp"}], "annotations": [{"image_id": 1,
     "bbox": [10, 20, 8, 8], "category_id": 1}], "categories": [{"id": 1, "name": "target"}]}

Categories and images that no annotation uses may be of any kind. Annotations of `iscrowd` 1, which
are regions of several objects, or of `ignore` 1 are left out with a note. An annotation
without a box, but with polygons as its `segmentation`, has the box around these. The track is
`track_id`, also among the `attributes`, or `instance_id`.
"""

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from dimjax.data.formats.marks import Mark, Options, read_json, to_number
from dimjax.errors import InputError, Note, OnError
from dimjax.progress import counted

_REMEDY = "Correct the file, or export it again."
_ID = int | float | str
# Flag of an annotation that is left out -> its description.
_LEFT_OUT = {"iscrowd": "of iscrowd 1, regions of several objects", "ignore": "with ignore 1"}


def read_coco(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of all images of a file."""
    content = read_json(path)
    images = _by_id(path, content, "images", "file_name")
    names = _by_id(path, content, "categories", "name")
    sizes = {row["id"]: _size(row) for row in _rows(path, content, "images")}
    marks = []
    left_out = Counter()
    for k, row in enumerate(_rows(path, content, "annotations")):
        if flag := next((key for key in _LEFT_OUT if row.get(key) == 1), None):
            left_out[flag] += 1
            continue
        try:
            mark = _mark(f"annotations[{k}]", row, images, names, path)
            marks.append(mark._replace(image_size=sizes[row["image_id"]]))
        except InputError as error:
            on_error(error)
    for flag, count in left_out.items():
        message = f"{path}: {counted(count, 'annotation')} {_LEFT_OUT[flag]}, left out."
        warnings.warn(message, category=Note, stacklevel=2)
    return marks


def _mark(place: str, row: dict, images: dict, names: dict, path: Path) -> Mark:
    subject = f"{path} {place}"
    for key, known in (("image_id", images), ("category_id", names)):
        if not isinstance(row.get(key), _ID) or row[key] not in known:
            raise InputError(subject, f"{key} must occur in the file", repr(row.get(key)), _REMEDY)
    box = row.get("bbox") or _around(row.get("segmentation"), subject)
    if not isinstance(box, list) or len(box) != 4:
        raise InputError(subject, "bbox must be a list of x, y, w, h", box, _REMEDY)
    numbers = [to_number(value, subject, f"bbox[{k}]") for k, value in enumerate(box)]
    attributes = row.get("attributes")
    others = attributes if isinstance(attributes, dict) else {}
    tracks = (row.get("track_id"), others.get("track_id"), row.get("instance_id"))
    track = next((str(track) for track in tracks if track is not None), "")
    return Mark(place, images[row["image_id"]], *numbers, names[row["category_id"]], track)


def _around(polygons: Any, subject: str) -> list[float] | None:
    """The box x, y, w, h around polygons [x1, y1, x2, y2, ...]; None if they are none."""
    if not isinstance(polygons, list) or not all(isinstance(one, list) for one in polygons):
        return None
    numbers = [[to_number(it, subject, "segmentation") for it in one] for one in polygons]
    x = [number for one in numbers for number in one[::2]]
    y = [number for one in numbers for number in one[1::2]]
    return [min(x), min(y), max(x) - min(x), max(y) - min(y)] if x and y else None


def _size(image: dict) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    known = type(width) is int and type(height) is int and width > 0 and height > 0
    return (width, height) if known else None


def _by_id(path: Path, content: Any, key: str, value: str) -> dict[Any, str]:
    """Id -> text of each row of a list."""
    texts = {}
    for k, row in enumerate(_rows(path, content, key)):
        if "id" not in row or value not in row:
            rule = f"there must be the keys id and {value}"
            raise InputError(f"{path} {key}[{k}]", rule, ", ".join(row), _REMEDY)
        if not isinstance(row["id"], _ID) or row["id"] in texts:
            rule = "each id must be a number or a text, and occur once"
            raise InputError(f"{path} {key}[{k}]", rule, repr(row["id"]), _REMEDY)
        texts[row["id"]] = str(row[value])
    return texts


def _rows(path: Path, content: Any, key: str) -> list[dict]:
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        rule = f"it must contain a list {key} of objects"
        raise InputError(path, rule, str(content)[:60], "Correct the file or label_format.")
    return rows
