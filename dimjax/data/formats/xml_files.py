"""Labels of a frame in XML: boxes as Pascal VOC has them, and centroids as SIRST-v2 has them.

<object><name>target</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax>...</object>
<object><name>Target</name><centroid><x>..</x><y>..</y></centroid></object>
"""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

from dimjax.data.csv_files import read_text
from dimjax.data.formats.marks import Mark, Options, to_number
from dimjax.errors import InputError, OnError


def read_voc(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of a file; w and h are the differences of the two corners."""
    return _read(path, _box, on_error)


def read_centroid_xml(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the points of a file."""
    return _read(path, _point, on_error)


def _read(
    path: Path, parse: Callable[[ElementTree.Element, str, str], Mark], on_error: OnError
) -> list[Mark]:
    text = read_text(path)
    try:
        if "<!ENTITY" in text:
            raise ElementTree.ParseError("an entity, which no annotation needs")
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(path, "it must be XML", error, "Export it again.") from error
    marks, size = [], _image_size(root)
    for k, element in enumerate(root.iter("object")):
        try:
            mark = parse(element, f"object {k + 1}", f"{path} object {k + 1}")
            marks.append(mark._replace(image_size=size))
        except InputError as error:
            on_error(error)
    return marks


def _image_size(root: ElementTree.Element) -> tuple[int, int] | None:
    """Width and height of the image, if the file states them."""
    texts = [(root.findtext(f"size/{key}") or "").strip() for key in ("width", "height")]
    known = all(re.fullmatch(r"[1-9]\d{0,8}", text) for text in texts)
    return (int(texts[0]), int(texts[1])) if known else None


def _box(element: ElementTree.Element, place: str, subject: str) -> Mark:
    keys = ("xmin", "ymin", "xmax", "ymax")
    texts = [element.findtext(f"bndbox/{key}") for key in keys]
    x1, y1, x2, y2 = (to_number(t, subject, key) for t, key in zip(texts, keys, strict=True))
    return Mark(place, "", x1, y1, x2 - x1, y2 - y1, _name(element))


def _point(element: ElementTree.Element, place: str, subject: str) -> Mark:
    texts = [element.findtext(f".//{key}") for key in "xy"]
    x, y = (to_number(text, subject, key) for text, key in zip(texts, "xy", strict=True))
    return Mark(place, "", x, y, category=_name(element))


def _name(element: ElementTree.Element) -> str:
    return (element.findtext("name") or "").strip()
