"""COCO files of images and boxes: validated when read, written atomically.

A bbox in the file is top-left corner and size; a Box is centre and size, as everywhere in dimjax.

    write([{"id": 1, "file_name": "a.png"}], [annotation(box, key=1, image=1)], "items.json")
    file = read("items.json")
    file.boxes[0].x, file.images[file.boxes[0].image].name
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dimjax.atomic_files import write_text
from dimjax.data.csv_files import read_text
from dimjax.data.labels import CATEGORIES
from dimjax.errors import InputError
from dimjax.ledger.checks import as_choice, as_float, as_int, as_text

_CATEGORIES = [{"id": k, "name": name} for k, name in enumerate(CATEGORIES, start=1)]
_REMEDY = "Correct the file, or write it again."


class Image(NamedTuple):
    """An image of a file."""

    subject: str  # file and key, for errors
    name: str  # its file_name without folders
    fields: Mapping[str, Any]  # all fields in the file


class Box(NamedTuple):
    """A box in an image."""

    subject: str  # file and key, for errors
    image: int  # id of its image
    x: float  # centre in the frame, pixels
    y: float
    w: float
    h: float
    category: str
    attributes: Mapping[str, Any]


class CocoFile(NamedTuple):
    """The contents of a COCO file."""

    images: dict[int, Image]  # by id
    boxes: list[Box]
    intact: bool  # whether the file is unchanged since `write`


def annotation(box: Any, key: int, image: int) -> dict[str, Any]:
    """Return the annotation of an object with x, y, w, h and category."""
    return {
        "id": key,
        "image_id": image,
        "category_id": CATEGORIES.index(box.category) + 1,
        "bbox": [box.x - box.w / 2, box.y - box.h / 2, box.w, box.h],
        "area": box.w * box.h,
        "iscrowd": 0,
        "segmentation": [],
    }


def write(images: list[dict], annotations: list[dict], path: str | Path) -> None:
    """Write a COCO file atomically, with a digest of its contents."""
    info = {"description": "dimjax review items", "digest": _digest(images, annotations)}
    contents = {"info": info, "licenses": [], "categories": _CATEGORIES}
    contents |= {"images": images, "annotations": annotations}
    write_text(path, json.dumps(contents, indent=1, allow_nan=False) + "\n")


def read(path: str | Path) -> CocoFile:
    """Read a COCO file of boxes.

    Raises:
      InputError: The file is not strict JSON, or a key is missing or has an invalid value.
    """
    subject, contents = str(path), _parse(Path(path))
    categories = {  # others than target and interference may occur, but not in a box
        _int(row, "id", key): (key, as_text(key, "name", _get(row, "name", key)))
        for key, row in _rows(contents, "categories", subject)
    }
    images = {}
    for key, row in _rows(contents, "images", subject):
        image_id = _int(row, "id", key)
        if image_id in images:
            raise InputError(key, "each id must occur once", image_id, _REMEDY)
        file_name = as_text(key, "file_name", _get(row, "file_name", key))
        images[image_id] = Image(key, re.split(r"[/\\]", file_name)[-1], row)
    boxes = [_box(*row, images, categories) for row in _rows(contents, "annotations", subject)]
    info = _mapping(contents.get("info", {}), f"{subject} info")
    digest = _digest(contents["images"], contents["annotations"])
    return CocoFile(images, boxes, info.get("digest") == digest)


def int_attribute(box: Box, name: str) -> int | None:
    """Return an integer attribute of a box; some tools convert these to text or floats.

    Raises:
      InputError: The attribute is present and is not an integer.
    """
    value = box.attributes.get(name)
    if value is None or value == "":
        return None
    is_digits = isinstance(value, str) and re.fullmatch("[0-9]{1,15}", value)
    if is_digits or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return as_int(box.subject, f"attributes.{name}", value)


def _digest(images: list, annotations: list) -> str:
    return hashlib.sha256(json.dumps([images, annotations]).encode()).hexdigest()


def _parse(path: Path) -> Mapping[str, Any]:
    def refuse(constant: str):
        raise ValueError(f"the number {constant}")

    try:
        contents = json.loads(read_text(path), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "it must be strict JSON", error, "Export it again.") from error
    return _mapping(contents, str(path))


def _box(subject: str, row: Mapping, images: dict[int, Image], categories: dict) -> Box:
    image, category = _int(row, "image_id", subject), _int(row, "category_id", subject)
    for key, value, ids in (("image_id", image, images), ("category_id", category, categories)):
        if value not in ids:
            raise InputError(subject, f"{key} must occur in the file", value, _REMEDY)
    key, name = categories[category]
    as_choice(key, "name", name, CATEGORIES)
    bbox = _get(row, "bbox", subject)
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise InputError(subject, "bbox must be a list of x, y, w, h", repr(bbox), _REMEDY)
    x, y, w, h = (as_float(subject, f"bbox[{k}]", value) for k, value in enumerate(bbox))
    x, y = x + w / 2, y + h / 2
    if not (w > 0 and h > 0 and math.isfinite(x) and math.isfinite(y)):
        raise InputError(subject, "bbox must have a size above 0", bbox, _REMEDY)
    attributes = _mapping(row.get("attributes", {}), f"{subject}.attributes")
    return Box(subject, image, x, y, w, h, name, attributes)


def _rows(contents: Mapping, key: str, subject: str) -> Sequence[tuple[str, Mapping]]:
    rows = _get(contents, key, subject)
    if not isinstance(rows, list):
        raise InputError(f"{subject} {key}", "it must be a list", type(rows).__name__, _REMEDY)
    named = [(f"{subject} {key}[{k}]", row) for k, row in enumerate(rows)]
    return [(name, _mapping(row, name)) for name, row in named]


def _mapping(value: Any, subject: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(subject, "it must be an object", type(value).__name__, _REMEDY)
    return value


def _get(row: Mapping, key: str, subject: str) -> Any:
    if key not in row:
        keys = ", ".join(row) or "none"
        raise InputError(subject, f"there must be a key {key}", keys, _REMEDY)
    return row[key]


def _int(row: Mapping, key: str, subject: str) -> int:
    return as_int(subject, key, _get(row, key, subject))
