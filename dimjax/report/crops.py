"""Crops of detections and truths: the frames and differences of their clips side by side, as SVG.

marks = [*marks("truth", truths), *marks("detection", detections)]
draw_crops(sequence, row, marks, stride=1).svg
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from dimjax.data.scale import measure_scale
from dimjax.data.sequences import Sequence
from dimjax.drawing import pictures
from dimjax.drawing.data_uri import grey_uri

CROP_PX = 32

_GAP_PX = 2
_NEAR_PX = 10.0


class Crops(NamedTuple):
    """F1..F4 and F1 - F2, F1 - F3, F1 - F4 side by side; enlarging does not smooth them."""

    svg: Markup
    low: float  # grey level of the frames shown black
    high: float  # and white
    max_difference: float  # difference in grey levels shown white


def draw_crops(sequence: Sequence, row, marks: list[tuple], stride: int) -> Crops:
    """Draw the crops of a clip round a point of its reference frame, with marks.

    Args:
      sequence: Sequence of the clip.
      row: frame, x and y of the point.
      marks: Marks of the reference frame, see marks.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
    """
    clip, (x0, y0) = pictures.crop(sequence.clip(row.frame, stride), row.x, row.y, CROP_PX)
    tiles = pictures.clip_tiles(clip, measure_scale(sequence).noise_sigma)
    height, width = clip.shape[1:]
    marked = Markup("").join(_mark(*mark, x0, y0, width, height) for mark in marks)
    parts = []
    for k, tile in enumerate(tiles.images.values()):
        parts.append(
            f'<svg x="{_left(k, width)}" width="{width}" height="{height}">'
            f'<image href="{grey_uri(tile)}" width="{width}" height="{height}"/>'
            f"{'' if 1 <= k <= 3 else marked}</svg>"  # in F2..F4 the target is elsewhere
        )
    view = f"0 0 {_left(7, width) - _GAP_PX} {height}"
    svg = Markup(f'<svg class="crops" viewBox="{view}" role="img">{"".join(parts)}</svg>')
    return Crops(svg, tiles.low, tiles.high, tiles.max_difference)


def column_heads() -> Markup:
    """Return the names of the columns, to stand above crops of full size."""
    texts = []
    for k, name in enumerate(("F1", "F2", "F3", "F4", "F1 - F2", "F1 - F3", "F1 - F4")):
        x = _left(k, CROP_PX) + CROP_PX / 2
        texts.append(f'<text x="{x}" y="4" text-anchor="middle">{name}</text>')
    view = f"0 0 {_left(7, CROP_PX) - _GAP_PX} 5.5"
    return Markup(f'<svg class="heads" viewBox="{view}">{"".join(texts)}</svg>')


def marks(kind: str, table: pd.DataFrame) -> list[tuple]:
    """Return the marks of one kind for draw_crops.

    Args:
      kind: "truth", "detection" or "item", the point of a review item.
      table: category, x, y, w, h, frame coordinates.
    """
    return [(kind, row.category, row.x, row.y, row.w, row.h) for row in table.itertuples()]


def of_frame(table: pd.DataFrame, row) -> pd.DataFrame:
    """Return the rows of a table in the sequence and frame of a row."""
    return table[(table.sequence == row.sequence) & (table.frame == row.frame)]


def nearest_truth(row, truth: pd.DataFrame) -> str:
    """Describe the truth nearest to a point, for instance "target 5.0 px away".

    Args:
      row: x and y of the point.
      truth: Truths of its frame.
    """
    distance = np.hypot(truth.x - row.x, truth.y - row.y).to_numpy()
    if not len(distance) or distance.min() > _NEAR_PX:
        return f"no truth within {_NEAR_PX:g} px"
    k = int(distance.argmin())
    return f"{truth.category.iloc[k]} {distance[k]:.1f} px away"


def _left(k: int, width: int) -> int:
    """Return the left edge of tile k; frames and differences are separated by a wider gap."""
    return k * (width + _GAP_PX) + (_GAP_PX if k >= 4 else 0)


def _mark(
    kind: str, category: str, x, y, w, h, x0: int, y0: int, width: int, height: int
) -> Markup:
    """Draw four ticks for a truth, a box for a detection, a ring for an item; "" if outside."""
    x, y = x - x0, y - y0
    if not (0 <= x < width and 0 <= y < height):
        return Markup("")
    half = max(w, h) / 2 + 2.5
    if kind == "detection":
        path = f"M{x - half:.2f} {y - half:.2f}h{2 * half:.2f}v{2 * half:.2f}h{-2 * half:.2f}z"
    elif kind == "item":
        r = half + 4.0
        path = f"M{x - r:.2f} {y:.2f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    else:
        near, far = half - 1.0, half + 3.0
        path = "".join(
            f"M{x + near * dx:.2f} {y + near * dy:.2f}L{x + far * dx:.2f} {y + far * dy:.2f}"
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        )
    return Markup(f'<path class="{kind} {category}" d="{path}"/>')
