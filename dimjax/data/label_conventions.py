"""Conversion of the marks of a file to a label table, by the conventions of a layout.

    table = to_labels(marks, layout, shapes, raise_error, "gt.txt")

The numbers of a file become pixels whose top-left corner is (0, 0), x, y the centre of a box,
frames that count from 0, and the categories target and interference. Labels of the category
`ignore` are left out.
"""

import math
import warnings
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from dimjax.data.class_words import category_of_class
from dimjax.data.formats import BOX_SHIFTS, FORMATS
from dimjax.data.labels import CATEGORIES, COLUMNS, MIN_SIZE_PX
from dimjax.data.layouts import IGNORE, Layout
from dimjax.errors import InputError, Note, OnError
from dimjax.progress import counted


def to_labels(
    marks: pd.DataFrame, layout: Layout, shapes, on_error: OnError, subject: object
) -> pd.DataFrame:
    """Convert marks, with their sequences and frame numbers, to a label table.

    Args:
      marks: Table with the fields of Mark; `frame` counts from the layout's first frame.
      layout: The layout, with the conventions.
      shapes: T, H, W of each sequence.
      on_error: Is called once for each class that has no category.
      subject: File of the marks, for errors.

    Returns:
      Label table with the index `place`; unchecked.
    """
    form = FORMATS[layout.label_format]
    marks = marks.assign(category=_categories(marks, layout, on_error, subject))
    marks = marks[marks.category.isin(CATEGORIES)]
    first = marks.sequence.map(lambda name: _first_pixel(layout, name, subject)).to_numpy(
        dtype=float
    )
    box = marks[["x", "y", "w", "h"]].to_numpy(dtype=float).T
    if form.is_normalised:
        sizes = [shapes[name][:0:-1] for name in marks.sequence]
        box = box * np.array(sizes, dtype=float).reshape(-1, 2)[:, [0, 1, 0, 1]].T
    x, y, w, h = box
    if form.is_point:
        x, y, w = x + 0.5, y + 0.5, np.full_like(x, layout.centroid_size_px)
        h = w
    else:
        last = first if not layout.box_end else float(layout.box_end == "inclusive")
        w, h = (w + last, h + last) if form.is_inclusive else (w, h)
        right, down = BOX_SHIFTS[layout.box_point or form.box_point]
        x, y = x + right * w, y + down * h
    table = marks.assign(x=x - first, y=y - first, w=w, h=h, frame=marks.frame - layout.first_frame)
    texts = dict.fromkeys(("sequence", "category", "track", "source"), "str")
    return table.set_index("place")[list(COLUMNS)].astype({"frame": "int64", **texts})


def _first_pixel(layout: Layout, name: str, subject: object) -> int:
    if isinstance(layout.first_pixel, dict):
        return value_of(layout.first_pixel, "first_pixel", name, subject)
    return layout.first_pixel


def _categories(marks: pd.DataFrame, layout: Layout, on_error: OnError, subject: object) -> list:
    """Category of each mark; that of a class without one is reported once, and ignored."""
    pairs = list(zip(marks.category, marks.sequence, strict=True))
    categories = {pair: _category(layout, *pair) for pair in dict.fromkeys(pairs)}
    for kind in dict.fromkeys(kind for (kind, _), found in categories.items() if found is None):
        rule = "each class of the labels must have a category, target, interference or ignore"
        remedy = "Set the key category of the layout, e.g. category="
        remedy += f"{{{kind or '*'!r}: {category_of_class(kind)!r}}}."
        value = f"class {kind!r} without one, in {counted(marks.category.eq(kind).sum(), 'label')}"
        on_error(InputError(subject, rule, value, remedy))
    return [categories[pair] or IGNORE for pair in pairs]


def _category(layout: Layout, kind: str, sequence: str) -> str | None:
    if kind and not layout.category:
        return kind if kind in CATEGORIES else None
    if kind:
        return _longest_match(layout.category, [kind, sequence])
    return _longest_match(layout.category, [sequence])


def value_of(patterns: dict[str, Any], key: str, sequence: str, path: object) -> Any:
    """Return the value of the longest pattern that matches a sequence.

    Raises:
      InputError: None matches.
    """
    value = _longest_match(patterns, [sequence])
    if value is None:
        rule = f"a pattern of {key} must match sequence {sequence}"
        raise InputError(f"layout of {path}", rule, list(patterns), "Add a pattern.")
    return value


def _longest_match(patterns: dict[str, Any], names: list[str]) -> Any:
    matching = [pattern for pattern in patterns if any(fnmatchcase(it, pattern) for it in names)]

    def rank(pattern: str) -> tuple[int, bool]:  # the class 1 rather than a sequence called 2
        return len(pattern), fnmatchcase(names[0], pattern)

    # Not the first one: a configuration does not keep the order of its keys.
    return patterns[max(matching, key=rank)] if matching else None


def of_other_size(marks: pd.DataFrame, shapes) -> np.ndarray:
    """Whether each mark is of an image of another size than the frames of its sequence."""
    sizes = {name: shape[:0:-1] for name, shape in shapes.items() if shape[1] < math.inf}
    pairs = zip(marks.sequence, marks.image_size, strict=True)
    return np.array([size is not None and size != sizes.get(it, size) for it, size in pairs], bool)


def scaled(marks: pd.DataFrame, is_other: np.ndarray, shapes) -> pd.DataFrame:
    """Scale some marks from the size of their images to that of the frames of their sequences."""
    marks = marks.astype(dict.fromkeys(("x", "y", "w", "h"), float))
    for k in np.flatnonzero(is_other):
        (width, height), shape = marks.image_size.iloc[k], shapes[marks.sequence.iloc[k]]
        scale = [shape[2] / width, shape[1] / height] * 2
        marks.iloc[k, [marks.columns.get_loc(it) for it in ("x", "y", "w", "h")]] *= scale
    return marks


def are_shares(marks: pd.DataFrame) -> bool:
    """Whether boxes seem to be shares of their frames: up to 1, and too small for pixels."""
    box = marks[["x", "y", "w", "h"]].to_numpy(dtype=float)
    inside = len(box) > 0 and bool(((box >= 0) & (box <= 1)).all())
    return inside and bool((box[:, 2:] < MIN_SIZE_PX).any())


def pixels_of_shares(marks: pd.DataFrame, shapes) -> pd.DataFrame:
    """Scale marks that are shares to the frames of their sequences, if these are known."""
    known = [shapes.get(name, (0, math.inf))[1] < math.inf for name in marks.sequence]
    marks = marks.assign(image_size=[(1, 1)] * len(marks))
    return scaled(marks, np.array(known, bool), shapes).assign(image_size=None)


def without_surplus(table: pd.DataFrame, shapes, file: object) -> pd.DataFrame:
    """Drop rows beyond the last frame of their sequence, with a warning."""
    lengths = [shapes[name][0] if name in shapes else math.inf for name in table.sequence]
    surplus = table.frame.to_numpy() >= np.array(lengths)
    if surplus.any():
        message = f"{file}: {int(surplus.sum())} rows beyond the last frame are left out."
        warnings.warn(message, category=Note, stacklevel=2)
    return table[~surplus]
