"""Evidence that labels lie on objects, and of the reading of their files that fits best.

At labels of each sequence the brightest or darkest spot nearby is located. If the labels are right,
the median offset of these spots is near zero, whatever the objects look like. If the offsets agree
with another reading, such as pixels that are numbered from 1, that reading is named.

    evidence = measure_sequence(labels, sequence)          # one row per label
    better_readings(evidence, layout)                      # of dimjax.data.label_readings
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from dimjax.data.file_numbers import numbers_of
from dimjax.data.sequences import Sequence

MAX_LABELS = 40  # per sequence, evenly spread

_SPOT_PX = 0.8  # sigma of the smoothing, a typical point spread
_BACKGROUND_PX = 3.0  # sigma of the background that is subtracted
_MIN_RADIUS_PX = 4.0  # a spot is searched within this distance ...
_BEYOND_BOX_PX = 2.0  # ... or this far beyond the corners of the box
_MAX_RADIUS_PX = 24.0
_CORE_PX = 1.5  # the strength at a label is that within this distance
_SPOT_RADIUS_PX = 3.0  # of the part of a spot that its centre is computed from
_RIM_PX = 9.0  # of a window, so that the background is that of the frame
_SPOT_FLOOR = 0.3  # of its peak
_MAX_STRENGTH = 8.0  # stronger spots count as much as one of 8 sigmas
_SIGMAS_PER_MAD = 1.4826  # of a normal distribution
_MATCH_PX = 12.0  # a label without a track is followed to the nearest one within this distance

PLACES = ("swapped", "upwards", "mirrored", "turned")
# Positions exchanged as shares of the frame, or made on frames of half or twice the size, or on
# frames that were padded to squares, as shares.
OTHER_SIZES = ("exchanged", "doubled", "halved", "unpadded")
COLUMNS = (
    *("sequence", "frame", "x", "y", "w", "h"),
    "objects",  # labels of the frame
    *("dx", "dy"),  # offset of the spot from the label, pixels
    *("vx", "vy"),  # from the label to that of the next frame, pixels; missing for single labels
    *("ux", "uy"),  # from the label to that of the frame before
    "strength",  # sigmas at the label
    *PLACES,  # sigmas at the positions of other readings
    *OTHER_SIZES,
    *("before", "after"),  # sigmas at the label in the frame before and in the next one
    "first_number",  # of the file of the first frame; missing if frames have no files
)


def measure_sequence(labels: pd.DataFrame, sequence: Sequence) -> pd.DataFrame:
    """Measure the spots at up to 40 labels of a sequence.

    A frame is smoothed with a Gaussian of 0.8 px, its background, smoothed with 3 px, is
    subtracted, and the result is divided by its robust standard deviation around the label. The
    spot is the largest absolute value within 4 px, or 2 px beyond the corners of a larger box. Its
    centre is weighted by intensity.

    Args:
      labels: Label table of the sequence.
      sequence: Sequence; one frame is read for each labelled frame that is used, and those before
        and after.

    Returns:
      Table with COLUMNS, one row per label; those of PLACES are missing for positions outside the
      frame or near the label, `before` and `after` at the ends of the sequence, and the last one
      for videos and stacks.
    """
    moving = _with_motion(labels)
    moving["objects"] = moving.groupby("frame").frame.transform("size")
    chosen = np.unique(np.linspace(0, len(moving) - 1, MAX_LABELS).round().astype(int))
    moving = moving.iloc[chosen] if len(moving) else moving
    rows = [row for t, of_frame in moving.groupby("frame") for row in _rows(of_frame, sequence, t)]
    first = next(iter(numbers_of(sequence.names)), np.nan)
    return pd.DataFrame([(*row, first) for row in rows], columns=COLUMNS)


def search_radius(w, h):
    """Return the distance from labels within which spots are searched, pixels; like w and h."""
    return np.clip(np.hypot(w, h) / 2 + _BEYOND_BOX_PX, _MIN_RADIUS_PX, _MAX_RADIUS_PX)


def _rows(labels: pd.DataFrame, sequence: Sequence, t: int) -> Iterator[tuple]:
    """Yield a row of the result for each label of frame t."""
    _, height, width = sequence.shape
    frames = {k: sequence.frame(k) for k in (t - 1, t, t + 1) if 0 <= k < len(sequence)}
    for row in labels.itertuples():
        radius = search_radius(row.w, row.h)
        window = _spots(frames[t], row.x, row.y)
        offset = _offset(window, radius)
        left, up = width - row.x, height - row.y
        places = [(row.y, row.x), (row.x, up), (left, row.y), (left, up)]
        places.append((row.y * width / height, row.x * height / width))
        places += [(2 * row.x, 2 * row.y), (row.x / 2, row.y / 2)]
        side = max(width, height)
        shares = ((row.x - width / 2) / width, (row.y - height / 2) / height)
        places.append((shares[0] * side + width / 2, shares[1] * side + height / 2))
        strengths = [
            _strength(_spots(frames[t], x, y))
            if 0 <= x < width and 0 <= y < height and np.hypot(x - row.x, y - row.y) > radius
            else np.nan
            for x, y in places
        ]
        strengths += [
            _strength(_spots(frames[k], row.x, row.y)) if k in frames else np.nan
            for k in (t - 1, t + 1)
        ]
        box = (row.x, row.y, row.w, row.h, row.objects)
        motion = (row.vx, row.vy, row.ux, row.uy)
        yield (sequence.name, t, *box, *offset, *motion, _strength(window), *strengths)


class _Window(NamedTuple):
    """Pixels around a point, without the background."""

    values: np.ndarray  # [n] robust standard deviations from their median
    right: np.ndarray  # [n] offset from the point, pixels
    down: np.ndarray  # [n]
    distance: np.ndarray  # [n]


def _spots(frame: np.ndarray, x: float, y: float) -> _Window:
    """Smooth a frame around a point and subtract its background."""
    rows, columns = (_span(at, size) for at, size in zip((y, x), frame.shape, strict=True))
    pixels = frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    smooth = ndimage.gaussian_filter(pixels, _SPOT_PX)
    values = (smooth - ndimage.gaussian_filter(pixels, _BACKGROUND_PX)).ravel()
    values -= np.median(values)
    sigma = _SIGMAS_PER_MAD * np.median(np.abs(values))
    right, down = (v.ravel() for v in np.meshgrid(columns + 0.5 - x, rows + 0.5 - y))
    return _Window(values / (sigma or 1.0), right, down, np.hypot(right, down))


def _span(at: float, size: int) -> np.ndarray:
    reach = int(_MAX_RADIUS_PX + _RIM_PX)
    return np.arange(max(int(at) - reach, 0), min(int(at) + reach + 1, size))


def _strength(window: _Window) -> float:
    """Largest absolute value near the point, at most 8."""
    nearest = window.distance <= max(_CORE_PX, window.distance.min())
    return float(min(np.abs(window.values[nearest]).max(), _MAX_STRENGTH))


def _offset(window: _Window, radius: float) -> tuple[float, float]:
    """Offset of the spot from the point, weighted by intensity, pixels."""
    values, right, down, distance = window
    inside = np.where(distance <= max(radius, distance.min()), np.abs(values), -1.0)
    peak = inside.argmax()
    near = np.hypot(right - right[peak], down - down[peak]) <= _SPOT_RADIUS_PX
    weight = values * np.sign(values[peak]) - _SPOT_FLOOR * inside[peak]
    weight = np.clip(weight, 0, None) * near
    total = weight.sum()
    if not total:
        return 0.0, 0.0
    return float(weight @ right / total), float(weight @ down / total)


def _with_motion(labels: pd.DataFrame) -> pd.DataFrame:
    """Add the displacements to the labels of the next frame and the one before.

    These are of the same track, or nearby. Both are needed: objects before a moving camera jump.
    """
    table = labels.sort_values("frame", kind="stable").reset_index(drop=True)
    points, tracks = table[["x", "y"]].to_numpy(dtype=float), table.track.to_numpy()
    motion = np.full((len(table), 4), np.nan)
    frames, starts = np.unique(table.frame.to_numpy(), return_index=True)
    blocks = np.split(np.arange(len(table)), starts[1:]) if len(table) else []
    neighbours = np.flatnonzero(np.diff(frames) == 1)
    for rows, following in ((blocks[k], blocks[k + 1]) for k in neighbours):
        shift = points[following][None] - points[rows][:, None]
        distance = np.hypot(*np.moveaxis(shift, -1, 0))
        same = tracks[rows][:, None] == tracks[following]
        named = (tracks[rows] != "")[:, None]
        distance[~same & named | ~named & (distance > _MATCH_PX)] = np.inf
        nearest = distance.argmin(axis=1)
        place = np.arange(len(rows))
        mutual = (distance.argmin(axis=0)[nearest] == place) & np.isfinite(distance[place, nearest])
        found = shift[place, nearest][mutual]
        motion[rows[mutual], :2] = found
        motion[following[nearest[mutual]], 2:] = -found
    return table.assign(**dict(zip(("vx", "vy", "ux", "uy"), motion.T, strict=True)))
