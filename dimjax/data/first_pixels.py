"""The number of the first pixel, where boxes or points at the edges of the frames leave no choice.

A box that begins at 0, while none begins below, does so at the edge of a frame whose pixels count
from 0. From 1, it would be outside by one pixel, and only by that.

    certain_first_pixel(labels, shapes, layout)         # (0, "12 labels begin at pixel 0, ...")
    misnumbered(labels, shapes, layout, "gt.txt")       # InputError: ... Set ... first_pixel=0.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from dimjax.data.folders import Folder
from dimjax.data.formats import FORMATS
from dimjax.data.label_conventions import value_of
from dimjax.data.layouts import Layout
from dimjax.errors import InputError
from dimjax.progress import counted

_NEAR_PX = 1e-6
_FEWEST = 2  # boxes of a tracker may exceed the frame; a single one does so by one pixel by chance

Read = Callable[[Layout], tuple[pd.DataFrame, Folder]]
Shapes = Mapping[str, tuple[int, int, int]]


def has_edges(layout: Layout) -> bool:
    """Whether labels state points, or corners of boxes, in pixels."""
    form, name = FORMATS[layout.label_format], layout.label_format
    point = layout.box_point or form.box_point
    has_points = form.is_point or point == "corner"
    return has_points and not form.is_normalised and name not in ("masks", "mask-stacks")


def with_first_pixel(layout: Layout, read: Read, evidence: list[str]) -> Layout:
    """Choose the first pixel by the edges of the frames, if labels lie at them.

    Args:
      layout: The layout, with the usual first pixel of its format.
      read: Reads the labels by a layout.
      evidence: The reason is appended.
    """
    if not has_edges(layout):
        return layout
    from_zero = layout._replace(first_pixel=0)
    labels, folder = read(from_zero)
    shapes = {name: folder.sequence(name).shape for name in labels.sequence.unique()}
    found = certain_first_pixel(labels, shapes, from_zero)
    if found is None:
        return layout
    if found[0] != layout.first_pixel:
        evidence.append(f"first pixel {found[0]}: {found[1]}")
    return layout._replace(first_pixel=found[0])


def certain_first_pixel(
    labels: pd.DataFrame, shapes: Shapes, layout: Layout
) -> tuple[int, str] | None:
    """Return the number of the first pixel and the reason; None if both numbers are possible.

    Args:
      labels: Label table, frame coordinates, read with the layout.
      shapes: T, H, W of sequences; labels of others are left out.
      layout: The layout; its labels must have edges, see `has_edges`.
    """
    labels = labels[labels.sequence.isin(list(shapes))]
    if labels.empty:
        return None
    form = FORMATS[layout.label_format]
    first = labels.sequence.map(lambda name: _first_pixel(layout, name)).to_numpy()[:, None]
    centre = labels[["x", "y"]].to_numpy(dtype=float)
    half = 0.5 if form.is_point else labels[["w", "h"]].to_numpy(dtype=float) / 2
    low = centre - half + first  # in the numbers of the files
    limit = np.array([shapes[name][:0:-1] for name in labels.sequence])
    lowest = low.min()
    near = 0.5 if form.is_point else _NEAR_PX
    at_zero = int((np.abs(low) < near).any(axis=1).sum())
    if at_zero >= (1 if form.is_inclusive else _FEWEST) and lowest > -near:
        return 0, f"{counted(at_zero, 'label')} at pixel 0, and none below"
    if form.is_inclusive or form.is_point:  # the last pixel may be at the edge in both
        return None
    beyond = centre + half + first - limit
    at_end = int((np.abs(beyond - 1) < _NEAR_PX).any(axis=1).sum())
    if at_end >= _FEWEST and lowest >= 1 - _NEAR_PX and beyond.max() <= 1 + _NEAR_PX:
        return 1, f"{counted(at_end, 'label')} up to 1 px beyond the frame, and none below pixel 1"
    return None


def misnumbered(
    labels: pd.DataFrame, shapes: Shapes, layout: Layout, subject: object
) -> InputError | None:
    """Return the problem of a first pixel that the edges of the labels exclude; None without it.

    Args:
      labels: Label table, frame coordinates, read with the layout.
      shapes: T, H, W of sequences; labels of others are left out.
      layout: The layout.
      subject: File or folder of the labels, for the error.
    """
    groups = {0: [], 1: []}
    for name in shapes if has_edges(layout) else ():
        groups[_first_pixel(layout, name)].append(name)
    for used, names in groups.items():
        found = certain_first_pixel(labels, {name: shapes[name] for name in names}, layout)
        if names and found and found[0] != used:
            rule = f"labels must fit frames whose first pixel is number {used}"
            of_some = f" for sequences such as {names[0]}" if all(groups.values()) else ""
            remedy = f"Set data.layout.first_pixel={found[0]}{of_some}."
            return InputError(subject, rule, found[1], remedy)
    return None


def _first_pixel(layout: Layout, name: str) -> int:
    if isinstance(layout.first_pixel, dict):
        return value_of(layout.first_pixel, "first_pixel", name, layout.labels)
    return layout.first_pixel
