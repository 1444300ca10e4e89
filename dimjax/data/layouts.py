"""Layouts: the locations and formats of sequences, labels and splits in a data folder.

A layout is made from a mapping, for instance a part of a configuration. Four are predefined: the
layout of this package and those of three public data sets.

    layout = layout_from({"sequences": "videos/*.mp4", "labels": "labels.csv"}, "config.layout")
    DRONE_IR.category                                   # {"IR_BIRD_*": "interference", ...}
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from dimjax.data.labels import CATEGORIES, ORDERS, ORIGINS
from dimjax.errors import InputError
from dimjax.settings_rules import NUMBER, Rule, check_fields

SEQUENCE = "{sequence}"  # placeholder for the name of a sequence in `Layout.labels`

_REMEDY = "Correct the layout."


def _is_inside(path: Any) -> bool:
    """Whether a pattern is relative and does not lead out of its folder."""
    if not isinstance(path, str) or not path.strip("./") or "\0" in path:
        return False
    return not PurePath(path).is_absolute() and ".." not in PurePath(path).parts


_INSIDE = Rule(_is_inside, "a path inside the folder")
_SIZE_PX = Rule(
    lambda value: NUMBER.holds(value) and 0.1 <= value <= 1000, "a number of pixels, 0.1 to 1000"
)
_CHOICES = {
    "label_format": ("table", "boxes", "centroids"),
    "centroid_order": ORDERS,
    "surplus_rows": ("error", "drop"),
    "repeated_frames": ("skip", "keep"),
}


class Layout(NamedTuple):
    """Locations and formats of the files in a data folder; all paths are relative to it.

    The keys of `category` and `centroid_origin` are shell patterns such as IR_BIRD_*. A sequence
    gets the value of the longest pattern that matches its name.
    """

    sequences: str = "sequences/*"  # glob of the files or folders that are sequences
    labels: str = "labels.csv"  # or one file per sequence, labels/{sequence}.csv
    label_format: str = "table"  # table, boxes or centroids, the readers of dimjax.data.labels
    category: dict[str, str] = {}  # pattern -> category, for boxes and centroids
    centroid_order: str = "xy"  # xy or rowcol
    centroid_origin: dict[str, int] = {"*": 0}  # pattern -> number of the first pixel, 0 or 1
    centroid_size_px: float = 3.0  # width and height of the boxes around centroids
    surplus_rows: str = "error"  # rows beyond a sequence's end: error, or drop with a warning
    repeated_frames: str = "skip"  # clips skip repeated and flat frames, or keep them
    splits: dict[str, str] = {}  # split -> file with one name per line, see `Folder.splits`


DIMJAX = Layout(splits={name: f"splits/{name}.txt" for name in ("train", "val", "test", "new")})
DRONE_IR = Layout(
    sequences="videos/*.mp4",
    labels="labels/{sequence}.csv",
    label_format="boxes",
    category={"IR_BIRD_*": "interference", "*": "target"},
    surplus_rows="drop",
    splits={"train": "splits/train.txt", "val": "splits/val.txt"},
)
CLOUD_SEQS = Layout(
    sequences="data/*",
    labels="anno/{sequence}.txt",
    label_format="centroids",
    category={"*": "target"},
    centroid_origin={"easy*": 1, "sequence*": 0},
)
SKY_SEQS = Layout(
    sequences="data/*",
    labels="centroids/{sequence}.csv",
    label_format="centroids",
    category={"*": "target"},
)


def layout_from(mapping: Mapping[str, Any], subject: object) -> Layout:
    """Make a layout from a mapping, such as part of a configuration.

    Args:
      mapping: Fields of Layout; missing ones keep their defaults.
      subject: Subject of an error, such as the configuration key.

    Raises:
      InputError: A key is unknown, or a value is not allowed.
    """
    for key in mapping:
        if key not in Layout._fields:
            rule = f"a layout's keys are {', '.join(Layout._fields)}"
            raise InputError(subject, rule, repr(key), "Correct the key.")
    values = {k: dict(v) if hasattr(v, "items") else v for k, v in mapping.items()}
    layout = Layout(**values)
    check_layout(layout, subject)
    return layout


def check_layout(layout: Layout, subject: object) -> None:
    """Raise if a value of a layout is not allowed, or two values contradict each other.

    Args:
      layout: The layout to check.
      subject: Subject of an error.

    Raises:
      InputError: The first rule that the layout breaks.
    """
    _check_values(layout, subject)
    has_table = layout.label_format == "table"  # each row has its own category and sequence
    if has_table == bool(layout.category):
        rule = "category must be given for boxes and centroids, and not for a table"
        value = f"{layout.category} with {layout.label_format}"
        raise InputError(subject, rule, value, _REMEDY)
    if not has_table and SEQUENCE not in layout.labels:
        rule = f"labels must contain {SEQUENCE} for {layout.label_format}"
        raise InputError(subject, rule, repr(layout.labels), _REMEDY)


def _check_values(layout: Layout, subject: object) -> None:
    check_fields(f"{subject}.{{}}", layout._asdict(), {"centroid_size_px": _SIZE_PX}, _REMEDY)
    for key, allowed in _CHOICES.items():
        value = getattr(layout, key)
        if value not in allowed:
            raise InputError(subject, f"{key} must be one of {allowed}", repr(value), _REMEDY)
    for key in ("category", "centroid_origin", "splits"):
        value = getattr(layout, key)
        if not isinstance(value, dict):
            raise InputError(subject, f"{key} must be a mapping", repr(value), _REMEDY)
    paths = {"sequences": layout.sequences, "labels": layout.labels, **layout.splits}
    check_fields(f"{subject}: path of {{}}", paths, dict.fromkeys(paths, _INSIDE), _REMEDY)
    for key, allowed in (("category", CATEGORIES), ("centroid_origin", ORIGINS)):
        for value in getattr(layout, key).values():
            if value not in allowed:
                rule = f"values of {key} must be one of {allowed}"
                raise InputError(subject, rule, repr(value), _REMEDY)
