"""COCO files, read strictly and written whole: pictures and boxes.

A bbox of the file is top-left corner and size; a Box is centre and size, as everywhere here.

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

from dimjax.atomic_files import written_aside
from dimjax.data.csv_files import read_text
from dimjax.data.labels import CATEGORIES
from dimjax.errors import InputError
from dimjax.ledger.values import number, one_of, text, whole

_CATEGORIES = [{"id": k, "name": name} for k, name in enumerate(CATEGORIES, start=1)]
_REMEDY = "Correct the file, or write it anew."


class Image(NamedTuple):
    """A picture as a file names it."""

    where: str  # file and key
    name: str  # its file_name without folders
    values: Mapping[str, Any]  # all that the file says of it


class Box(NamedTuple):
    """A box of a picture."""

    where: str  # file and key
    image: int  # id of its picture
    x: float  # centre in the frame, pixels
    y: float
    w: float
    h: float
    category: str
    attributes: Mapping[str, Any]


class Coco(NamedTuple):
    """A COCO file of boxes."""

    images: dict[int, Image]  # by id
    boxes: list[Box]
    intact: bool  # whether it is as `write` wrote it


def annotation(box: Any, key: int, image: int) -> dict[str, Any]:
    """The annotation of anything with x, y, w, h and category."""
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
    """Write a file; under its name it is there whole or not at all."""
    info = {"description": "dimjax review items", "digest": _digest(images, annotations)}
    contents = {"info": info, "licenses": [], "categories": _CATEGORIES}
    contents |= {"images": images, "annotations": annotations}
    with written_aside(path) as aside:
        aside.write_text(json.dumps(contents, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read(path: str | Path) -> Coco:
    """Read a COCO file of boxes.

    Raises:
      InputError: It is no strict JSON, or a key lacks or holds what it must not.
    """
    where, contents = str(path), _parsed(Path(path))
    names = {
        _whole_of(row, "id", key): one_of(key, "name", _get(row, "name", key), CATEGORIES)
        for key, row in _rows(contents, "categories", where)
    }
    images = {}
    for key, row in _rows(contents, "images", where):
        number_of = _whole_of(row, "id", key)
        if number_of in images:
            raise InputError(key, "an id must be there once", number_of, _REMEDY)
        file_name = text(key, "file_name", _get(row, "file_name", key))
        images[number_of] = Image(key, re.split(r"[/\\]", file_name)[-1], row)
    boxes = [_box(*row, images, names) for row in _rows(contents, "annotations", where)]
    info = _mapping(contents.get("info", {}), f"{where} info")
    written = _digest(contents["images"], contents["annotations"])
    return Coco(images, boxes, info.get("digest") == written)


def whole_attribute(box: Box, name: str) -> int | None:
    """A whole number of a box's attributes, which some programs make a text or a float of.

    Raises:
      InputError: It is there and is no such number.
    """
    value = box.attributes.get(name)
    if value is None or value == "":
        return None
    as_text = isinstance(value, str) and re.fullmatch("[0-9]{1,15}", value)
    if as_text or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return whole(box.where, f"attributes.{name}", value)


def _digest(images: list, annotations: list) -> str:
    return hashlib.sha256(json.dumps([images, annotations]).encode()).hexdigest()


def _parsed(path: Path) -> Mapping[str, Any]:
    def refuse(constant: str):
        raise ValueError(f"the number {constant}")

    try:
        contents = json.loads(read_text(path), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "it must be strict JSON", error, "Export it again.") from error
    return _mapping(contents, str(path))


def _box(where: str, row: Mapping, images: dict[int, Image], names: dict[int, str]) -> Box:
    image, category = _whole_of(row, "image_id", where), _whole_of(row, "category_id", where)
    for key, value, known in (("image_id", image, images), ("category_id", category, names)):
        if value not in known:
            rule = f"{key} must be one of the file's"
            raise InputError(where, rule, value, _REMEDY)
    bbox = _get(row, "bbox", where)
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise InputError(where, "bbox must be a list of x, y, w, h", repr(bbox), _REMEDY)
    x, y, w, h = (number(where, f"bbox[{k}]", value) for k, value in enumerate(bbox))
    x, y = x + w / 2, y + h / 2
    if not (w > 0 and h > 0 and math.isfinite(x) and math.isfinite(y)):
        raise InputError(where, "bbox must be of a size above 0", bbox, _REMEDY)
    attributes = _mapping(row.get("attributes", {}), f"{where}.attributes")
    return Box(where, image, x, y, w, h, names[category], attributes)


def _rows(contents: Mapping, key: str, where: str) -> Sequence[tuple[str, Mapping]]:
    rows = _get(contents, key, where)
    if not isinstance(rows, list):
        raise InputError(f"{where} {key}", "it must be a list", type(rows).__name__, _REMEDY)
    named = [(f"{where} {key}[{k}]", row) for k, row in enumerate(rows)]
    return [(name, _mapping(row, name)) for name, row in named]


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(where, "it must be an object", type(value).__name__, _REMEDY)
    return value


def _get(row: Mapping, key: str, where: str) -> Any:
    if key not in row:
        found = ", ".join(row) or "none"
        raise InputError(where, f"there must be a key {key}", found, _REMEDY)
    return row[key]


def _whole_of(row: Mapping, key: str, where: str) -> int:
    return whole(where, key, _get(row, key, where))
