"""Boxes of a folder in a text, one image per line, as many YOLO loaders read them.

    /home/public/ITSDT/images/25/0.bmp 100,120,108,128,0 40,30,48,38,0

A box is x1,y1,x2,y2,class. An image without a box has a line with its path alone.
"""

import re
from pathlib import Path

from dimjax.data.formats.class_names import class_name
from dimjax.data.formats.marks import Mark, Options, each_line, to_number
from dimjax.errors import InputError, OnError

_NUMBERS = re.compile(r"[-+.\d]*\d,[-+.,\d]*")  # a box, maybe of too few numbers, is no path


def read_lines(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of all images of a text."""

    def parse(line: str, number: int) -> list[Mark]:
        words = line.split()
        first = next((k for k, word in enumerate(words) if _may_be_box(word)), len(words))
        image, subject = " ".join(words[:first]), f"{path} line {number}"
        return [_mark(word, image, number, subject, options) for word in words[first:]]

    return each_line(path, parse, on_error)


def _may_be_box(word: str) -> bool:
    return word.count(",") == 4 or _NUMBERS.fullmatch(word) is not None


def _mark(word: str, image: str, number: int, subject: str, options: Options) -> Mark:
    parts = word.split(",")
    if len(parts) != 5 or not image:
        rule = "a line must be a path and boxes x1,y1,x2,y2,class"
        raise InputError(subject, rule, repr(word), "Correct the line.")
    keys = ("x1", "y1", "x2", "y2")
    x1, y1, x2, y2 = (to_number(part, subject, key) for part, key in zip(parts, keys, strict=False))
    return Mark(f"line {number}", image, x1, y1, x2 - x1, y2 - y1, class_name(parts[4], options))
