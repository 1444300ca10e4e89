"""Rectangles of one object, as the Anti-UAV sets have them: JSON with `exist` and `gt_rect`.

    {"exist": [1, 0], "gt_rect": [[298, 247, 44, 34], []]}

Entry k of both lists belongs to frame k.
"""

from pathlib import Path

from dimjax.data.formats.marks import Mark, Options, read_json, to_number
from dimjax.errors import InputError, OnError


def read_exist_rect(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the rectangles of the frames in which the object exists."""
    content = read_json(path)
    lists = [content.get(key) for key in ("exist", "gt_rect")] if isinstance(content, dict) else []
    if not lists or not all(isinstance(one, list) for one in lists):
        rule = "it must contain the lists exist and gt_rect"
        raise InputError(path, rule, str(content)[:60], "Correct the file or label_format.")
    exist, rectangles = lists
    if len(exist) != len(rectangles):
        rule, value = "both lists must have one entry per frame", f"{len(exist)} exist, "
        value += f"{len(rectangles)} gt_rect"
        raise InputError(path, rule, value, "Export it again.")
    marks = []
    for frame, rectangle in enumerate(rectangles):
        try:
            if exist[frame]:
                marks.append(_mark(f"{path} gt_rect[{frame}]", frame, rectangle))
        except InputError as error:
            on_error(error)
    return marks


def count_rectangles(path: Path) -> int:
    """Count the entries of a file that can be read, one per frame."""
    return len(read_json(path)["exist"])


def _mark(subject: str, frame: int, rectangle) -> Mark:
    if not isinstance(rectangle, list) or len(rectangle) != 4:
        rule = "an object that exists must have x, y, w, h"
        raise InputError(subject, rule, rectangle, "Add the rectangle, or set exist to 0.")
    box = [to_number(value, subject, key) for value, key in zip(rectangle, "xywh", strict=True)]
    return Mark(f"gt_rect[{frame}]", frame, *box)
