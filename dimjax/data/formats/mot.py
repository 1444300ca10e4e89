"""Tracks of a sequence in the format of the MOT Challenge: gt.txt.

    frame,id,x,y,w,h,flag,class,visibility

Frames and pixels are counted from 1. The last three columns may be absent. Rows of flag 0 are not
to be evaluated; they are counted and left out. The names of the classes, counted from 1, may be the
lines of labels.txt beside it, as CVAT writes it.
"""

from pathlib import Path

from dimjax.data.formats.class_names import class_name, lines_of
from dimjax.data.formats.marks import Mark, Options, each_line, to_integer, to_number
from dimjax.errors import InputError, OnError

# Classes of the files that dimjax writes; those without a class have -1.
MOT_CLASSES = {"1": "target", "2": "interference", "-1": "target"}

_NAMES = "labels.txt"
_UNUSED = "of flag 0, which are not to be evaluated, and left out"


def read_mot(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the boxes of a text, one per line."""
    names = path.with_name(_NAMES)
    classes = ("", *lines_of(names)) if names.is_file() and names != path else ()

    def parse(line: str, number: int) -> list[Mark]:
        if not line:
            return []
        words, subject = [word.strip() for word in line.split(",")], f"{path} line {number}"
        if not 6 <= len(words) <= 10:
            rule = "a line must be frame, id, x, y, w, h, flag, class, visibility"
            raise InputError(subject, rule, repr(line), "Correct the line or label_format.")
        frame, track = (to_integer(words[k], subject, key) for k, key in enumerate(("frame", "id")))
        box = [to_number(words[2 + k], subject, key) for k, key in enumerate("xywh")]
        flag = to_number(words[6], subject, "flag") if len(words) > 6 else 1
        kind = words[7] if len(words) > 7 else "-1"
        track = "" if track == -1 else str(track)
        kind = class_name(kind, Options(classes=classes))
        mark = Mark(f"line {number}", frame, *box, kind, track)
        return [mark if flag else mark._replace(left_out=_UNUSED)]

    return each_line(path, parse, on_error)
