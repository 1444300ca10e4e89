"""Rectangles of one object, as single-object tracking has them (GOT-10k, OTB): a text.

Line k (from 0) belongs to frame k: `x,y,w,h`, separated by comma, tab, space or semicolon. Sizes of
0, `nan` or nothing mean that the object is not there, and so does 1 in the same line of a file
absence.label beside it (GOT-10k), or in the same place of the only line of full_occlusion.txt or
out_of_view.txt (LaSOT).

    298,247,44,34
    0,0,0,0
"""

import re
from pathlib import Path

from dimjax.data.csv_files import read_text
from dimjax.data.formats.marks import HIDDEN, Mark, Options, each_line, to_number
from dimjax.errors import InputError, OnError

_ABSENCE = "absence.label"
_FLAGGED = ("full_occlusion.txt", "out_of_view.txt")  # whose frames have a box nevertheless
_FLAGS = {"0", "1"}


def read_rectangles(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read one rectangle or none per line."""
    absent = _absent_lines(path.with_name(_ABSENCE))
    hidden = set().union(*(_absent_lines(path.with_name(name)) for name in _FLAGGED))

    def parse(line: str, number: int) -> list[Mark]:
        words = [word for word in re.split(r"[\s,;]+", line) if word]
        if number in absent or all(word.lower() in ("nan", "none") for word in words):
            return []
        subject = f"{path} line {number}"
        if len(words) != 4:
            rule = "a line must contain x, y, w, h or nothing"
            raise InputError(subject, rule, repr(line), "Correct the line.")
        box = [to_number(word, subject, key) for word, key in zip(words, "xywh", strict=True)]
        mark = Mark(f"line {number}", number - 1, *box)
        mark = mark._replace(left_out=HIDDEN.left_out) if number in hidden else mark
        return [mark] if any(box[2:]) else []

    return each_line(path, parse, on_error)


def _absent_lines(path: Path) -> set[int]:
    """Lines, counted from 1, of the frames without the object; none without a file of flags."""
    if not path.exists():
        return set()
    flags = re.split(r"[\s,]+", read_text(path).strip())
    return {n for n, flag in enumerate(flags, 1) if flag == "1"} if set(flags) <= _FLAGS else set()
