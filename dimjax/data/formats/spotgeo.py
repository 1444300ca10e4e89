"""Centroids of a folder in the format of the spotGEO challenge: JSON.

    [{"sequence_id": 1, "frame": 1, "num_objects": 1, "object_coords": [[502.2, 237.2]]}]

Frames are counted from 1. A pixel has the number of its centre.
"""

from pathlib import Path

from dimjax.data.formats.marks import (
    Mark,
    Options,
    read_json,
    to_integer,
    to_number,
)
from dimjax.errors import InputError, OnError


def read_spotgeo(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the centroids of all frames of a file."""
    content = read_json(path)
    keys = ("sequence_id", "frame", "object_coords")
    rows = content if isinstance(content, list) else [content]
    wrong = [row for row in rows if not isinstance(row, dict) or any(it not in row for it in keys)]
    if wrong or rows is not content:
        rule = f"it must be a list of objects with {', '.join(keys)}"
        found = str((wrong or rows)[0])[:60]
        raise InputError(path, rule, found, "Correct the file or label_format.")
    marks: list[Mark] = []
    for k, row in enumerate(content):
        try:
            marks += _marks(f"[{k}]", row, path)
        except InputError as error:
            on_error(error)
    return marks


def _marks(place: str, row: dict, path: Path) -> list[Mark]:
    subject = f"{path} {place}"
    frame, sequence = to_integer(row["frame"], subject, "frame"), str(row["sequence_id"])
    marks = []
    if not isinstance(row["object_coords"], list):
        remedy = "Write [] if the frame has no object."
        raise InputError(subject, "object_coords must be a list", row["object_coords"], remedy)
    for pair in row["object_coords"]:
        if not isinstance(pair, list) or len(pair) != 2:
            rule = "object_coords must be pairs x, y"
            raise InputError(subject, rule, pair, "Correct the pair.")
        x, y = (to_number(value, subject, key) for value, key in zip(pair, "xy", strict=True))
        marks.append(Mark(place, frame, x, y, sequence=sequence))
    return marks
