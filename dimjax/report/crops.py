"""Crops of detections and truths: the channels that the network saw, side by side.

view = NetworkView(sequence, config)
crop = draw_crops(view, row, [*marks("truth", truths), *marks("detection", detections)])
crop.svg                    # for a page
strip, lines = crop.strip, crop.lines       # for a file, and its marks as lines over it
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from dimjax.drawing.data_uri import grey_uri
from dimjax.report.network_view import NetworkView, channel_names

CROP_PX = 32

_MAX_CROP_PX = 128
_BOX_SHARE = 3  # a crop is at least this many times as wide as its box
_GAP_SHARE = 16  # a gap between tiles is this share of a tile
_NEAR_PX = 10.0
_LATER = ("F2", "F3", "F4")  # there the target is elsewhere: these tiles bear no marks


class Crops(NamedTuple):
    """The tiles round a point; enlarging does not smooth them."""

    strip: np.ndarray  # all tiles side by side, without gaps: [h, n * w] uint8
    names: tuple[str, ...]  # of the tiles
    lines: list[tuple[str, str]]  # class and path of each mark, in pixels of a tile
    low: float  # grey level of the frames shown black
    high: float  # and white

    @property
    def svg(self) -> Markup:
        """The tiles with their marks, for a page."""
        height, width = self.strip.shape[0], self.strip.shape[1] // len(self.names)
        marked = "".join(f'<path class="{kind}" d="{path}"/>' for kind, path in self.lines)
        parts = [
            f'<svg x="{_left(k, width)}" width="{width}" height="{height}">'
            f'<image href="{grey_uri(self.strip[:, k * width : (k + 1) * width])}" '
            f'width="{width}" height="{height}"/>{"" if name in _LATER else marked}</svg>'
            for k, name in enumerate(self.names)
        ]
        view = f"0 0 {_total(len(parts), width)} {height}"
        return Markup(f'<svg class="crops" viewBox="{view}" role="img">{"".join(parts)}</svg>')


def draw_crops(view: NetworkView, row, marks: list[tuple]) -> Crops:
    """Draw the input of the network round a point of a frame, with marks.

    Args:
      view: Input of the network in the point's sequence.
      row: frame, x, y, w and h of the point; a large box has a larger crop.
      marks: Marks of the reference frame, see marks.
    """
    tiles = view.tiles(row.frame, row.x, row.y, crop_px(row))
    images = list(tiles.images.values())
    height, width = images[0].shape
    drawn = [(f"{mark[0]} {mark[1]}", _path(*mark, tiles.origin, width, height)) for mark in marks]
    lines = [(kind, path) for kind, path in drawn if path]
    return Crops(np.hstack(images), tuple(tiles.images), lines, tiles.low, tiles.high)


def crop_px(row) -> int:
    """Return the height and width of a crop round the box of a row, pixels."""
    return min(_MAX_CROP_PX, max(CROP_PX, int(np.ceil(_BOX_SHARE * max(row.w, row.h)))))


def column_heads(config) -> Markup:
    """Return the names of the tiles of the input of a run, to stand above crops of full size."""
    names = channel_names(config)
    texts = []
    for k, name in enumerate(names):
        x = _left(k, CROP_PX) + CROP_PX / 2
        texts.append(f'<text x="{x}" y="4" text-anchor="middle">{name}</text>')
    view = f"0 0 {_total(len(names), CROP_PX)} 5.5"
    return Markup(f'<svg class="heads" viewBox="{view}">{"".join(texts)}</svg>')


def marks(kind: str, table: pd.DataFrame) -> list[tuple]:
    """Return the marks of truths, detections or items for draw_crops; kind names their shape."""
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


def nearest_detection(row, detections: pd.DataFrame, match_px: float) -> str:
    """Describe the accepted detection nearest to a missed truth, or return "" if none is in sight.

    Args:
      row: x, y, w, h and category of the truth.
      detections: Accepted detections of its frame.
      match_px: Matching radius.
    """
    distance = np.hypot(detections.x - row.x, detections.y - row.y).to_numpy()
    if not len(distance) or distance.min() > crop_px(row):
        return ""
    k = int(distance.argmin())
    category, score = detections.category.iloc[k], f"score {detections.score.iloc[k]:.2f}"
    is_taken = category == row.category and distance[k] < match_px
    taken = ", matched to another truth" if is_taken else ""
    return f"nearest detection: {category}, {score}, {distance[k]:.1f} px away{taken}"


def _left(k: int, width: int) -> float:
    """Return the left edge of tile k; a wider gap follows F1."""
    gap = width / _GAP_SHARE
    return k * (width + gap) + (gap if k else 0)


def _total(count: int, width: int) -> float:
    """Return the width of a number of tiles and their gaps."""
    return _left(count, width) - width / _GAP_SHARE


def _path(kind: str, category: str, x, y, w, h, origin, width: int, height: int) -> str:
    """Return the path of four ticks for a truth, a box for a detection, a ring for an item.

    It is empty if the point is outside the tile.
    """
    x, y = x - origin[0], y - origin[1]
    if not (0 <= x < width and 0 <= y < height):
        return ""
    half = max(w, h) / 2 + 2.5
    if kind == "detection":
        return f"M{x - half:.2f} {y - half:.2f}h{2 * half:.2f}v{2 * half:.2f}h{-2 * half:.2f}z"
    if kind == "item":
        r = half + 4.0
        return f"M{x - r:.2f} {y:.2f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    near, far = half - 1.0, half + 3.0
    return "".join(
        f"M{x + near * dx:.2f} {y + near * dy:.2f}L{x + far * dx:.2f} {y + far * dy:.2f}"
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
