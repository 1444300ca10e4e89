"""Boxes of a frame in the format of YOLO: a text with one box per line.

    0 0.392 0.277 0.031 0.031

A box is class, centre x and y, width and height; the four are shares of the frame's width and
height. An empty or missing file means that the frame has no object.
"""

import re
from pathlib import Path

from dimjax.data.csv_files import read_text
from dimjax.data.formats.lines import class_name
from dimjax.data.formats.marks import Mark, Options, each_line, to_number
from dimjax.errors import InputError, OnError

_CLASS_FILES = ("data.yaml", "dataset.yaml", "classes.txt", "obj.names", "labels/classes.txt")


def read_yolo(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of a text, as shares of the frame's size."""

    def parse(line: str, number: int) -> list[Mark]:
        words, subject = line.split(), f"{path} line {number}"
        if not words:
            return []
        if len(words) not in (5, 6):  # the sixth is the confidence of a prediction
            rule = "a line must be a class and the centre and size of a box"
            raise InputError(subject, rule, repr(line), "Correct the line.")
        keys = ("x", "y", "w", "h")
        box = [to_number(w, subject, key) for w, key in zip(words[1:], keys, strict=False)]
        if max(box) > 1 + 1e-3:
            rule = "the four numbers must be shares of the frame's size, 0 to 1"
            raise InputError(subject, rule, repr(line), "Correct the line or label_format.")
        return [Mark(f"line {number}", "", *box, class_name(words[0], options))]

    return each_line(path, parse, on_error)


def read_classes(folder: Path) -> tuple[str, ...]:
    """Read the names of the classes from data.yaml, classes.txt or obj.names, if there is one."""
    for name in _CLASS_FILES:
        file = folder / name
        if file.is_file():
            text = read_text(file)
            if file.suffix == ".yaml":
                return _yaml_names(text)
            return tuple(line.strip() for line in text.split("\n") if line.strip())
    return ()


def _yaml_names(text: str) -> tuple[str, ...]:
    """Read the key `names`: a list in brackets, or one `0: target` or `- target` per line."""
    _, found, rest = text.partition("names:")
    if not found:
        return ()
    first, *lines = rest.split("\n")
    if "[" in first:
        items = re.split(r"[\[\],]", rest.partition("]")[0])
        return tuple(item.strip(" '\"") for item in items if item.strip())
    names = []
    for line in lines:
        entry = re.fullmatch(r"\s*(?:\d+\s*:|-)\s*(.+?)\s*", line)
        if entry is None and line.strip():
            break
        if entry is not None:
            names.append(entry[1].strip("'\""))
    return tuple(names)
