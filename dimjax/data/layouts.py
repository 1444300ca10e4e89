"""Layouts: where sequences, labels and splits lie in a folder, as plain values.

In comes a mapping, for instance a part of a configuration; out comes a Layout. The layouts of
four folders are given: that of this package and those of three public sets.

    layout = layout_from({"sequences": "videos/*.mp4", "labels": "labels.csv"}, "config.layout")
    DRONE_IR.category                                   # {"IR_BIRD_*": "interference", ...}
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dimjax.data.labels import CATEGORIES, ORDERS, ORIGINS
from dimjax.errors import InputError

SEQUENCE = "{sequence}"  # stands for the name of a sequence in `Layout.labels`

_REMEDY = "Correct the layout."
_CHOICES = {
    "label_format": ("table", "boxes", "centroids"),
    "centroid_order": ORDERS,
    "surplus_rows": ("error", "drop"),
}


class Layout(NamedTuple):
    """Where things lie in a folder; all paths are relative to it.

    A pattern -> value mapping gives a sequence the value of the longest pattern that matches its
    name, as in a shell: IR_BIRD_*.
    """

    sequences: str = "sequences/*"  # glob of the files or folders that are sequences
    labels: str = "labels.csv"  # or labels/{sequence}.csv: one for each but "new" ones
    label_format: str = "table"  # table, boxes or centroids, the readers of dimjax.data.labels
    category: dict[str, str] = {}  # pattern -> category, for boxes and centroids
    centroid_order: str = "xy"  # xy or rowcol
    centroid_origin: dict[str, int] = {"*": 0}  # pattern -> number of the first pixel, 0 or 1
    centroid_size_px: float = 3.0  # width and height that centroids get
    surplus_rows: str = "error"  # rows beyond a sequence's end: error, or drop with a warning
    splits: dict[str, str] = {}  # split -> file with a name a line, see `Folder.splits`


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


def layout_from(mapping: Mapping[str, Any], where: object) -> Layout:
    """Layout of a mapping, such as a configuration's; keys left out keep their defaults.

    Raises:
      InputError: A key is unknown or a value is none of those allowed; it names `where`.
    """
    for key in mapping:
        if key not in Layout._fields:
            rule = f"a layout's keys are {', '.join(Layout._fields)}"
            raise InputError(where, rule, repr(key), "Correct the key.")
    values = {k: dict(v) if hasattr(v, "items") else v for k, v in mapping.items()}
    layout = Layout(**values)
    check_layout(layout, where)
    return layout


def check_layout(layout: Layout, where: object) -> None:
    """Raise if a value of a layout is none of those allowed, or two do not go together."""
    for key, known in _CHOICES.items():
        value = getattr(layout, key)
        if value not in known:
            raise InputError(where, f"{key} must be one of {known}", repr(value), _REMEDY)
    for key in ("category", "centroid_origin", "splits"):
        value = getattr(layout, key)
        if not isinstance(value, dict):
            raise InputError(where, f"{key} must be a mapping", repr(value), _REMEDY)
    for key, known in (("category", CATEGORIES), ("centroid_origin", ORIGINS)):
        for value in getattr(layout, key).values():
            if value not in known:
                rule = f"values of {key} must be one of {known}"
                raise InputError(where, rule, repr(value), _REMEDY)
    is_table = layout.label_format == "table"  # whose rows name their category and sequence
    if is_table == bool(layout.category):
        rule = "category must be given for boxes and centroids, and not for a table"
        found = f"{layout.category} with {layout.label_format}"
        raise InputError(where, rule, found, _REMEDY)
    if not is_table and SEQUENCE not in layout.labels:
        rule = f"labels must hold {SEQUENCE} for {layout.label_format}"
        raise InputError(where, rule, repr(layout.labels), _REMEDY)
