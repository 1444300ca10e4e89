"""Detections of one sequence as arrays, and how densely they lie.

found = arrange(table, strong, shift=None)
surprise(spread=1.0, density=found.density)     # log of the chance detections to expect
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

_LEAST_SIDE_PX = 256.0  # of a frame, where detections are too few to show how large it is
_AROUND_PX, _AROUND_FRAMES = 30.0, 5.0  # half axes of the neighbourhood in space and time


class Found(NamedTuple):
    """Detections of one sequence that may be linked, by frame and within it by falling score."""

    frame: np.ndarray  # [D] int
    xy: np.ndarray  # [D, 2] pixels, camera motion taken out
    score: np.ndarray  # [D] 0 to 1
    strong: np.ndarray  # [D] bool, may start a track
    density: np.ndarray  # [D] detections at least as strong, a pixel and frame


def arrange(table: pd.DataFrame, strong: np.ndarray, shift: np.ndarray | None) -> Found:
    """The detections of a sequence, sorted already, as arrays.

    Args:
      table: Columns frame, x, y, score.
      strong: [D] bool.
      shift: [T, 2] displacement of the scene in each frame, pixels; None for a steady camera.
    """
    frame, xy = table.frame.to_numpy(np.int64), table[["x", "y"]].to_numpy(float)
    if shift is not None:
        xy = xy - shift[frame]
    score = table.score.to_numpy(float)
    return Found(frame, xy, score, strong, _density(frame, xy, score))


def backwards(found: Found) -> Found:
    """The detections for one who lets time run backwards: in reversed order, frames negative."""
    return Found(-found.frame[::-1], *(values[::-1] for values in found[1:]))


def surprise(spread: np.ndarray | float, density: np.ndarray) -> np.ndarray:
    """Log of how many chance detections lie where one is expected, ln(2 pi S density).

    With half the squared distance in sigmas added, it is minus the log of how much likelier a
    detection is as the next of a track than by chance.

    Args:
      spread: Variance of the expected place along one axis, S, pixels squared.
      density: Of chance detections, a pixel and frame.
    """
    return np.log(2 * np.pi * spread * density)


def density_around(found: Found, track: np.ndarray) -> np.ndarray:
    """Density of detections [D] that are at least as strong and of another track.

    That of the whole sequence, or that of the neighbourhood where it is higher, as at the edges
    of clouds. The detections of a track itself do not count: a slow target is no clutter.

    Args:
      found: The detections.
      track: [D] number of each one's track, -1 in none.
    """
    if len(track) < 2:
        return found.density
    place = np.column_stack([found.xy, found.frame * (_AROUND_PX / _AROUND_FRAMES)])
    pairs = cKDTree(place).query_pairs(_AROUND_PX, output_type="ndarray")
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    counts = (track[one] != track[other]) | (track[one] < 0)
    counts &= found.score[other] >= found.score[one]
    volume = 4 / 3 * np.pi * _AROUND_PX**2 * _AROUND_FRAMES  # of an ellipsoid
    return np.maximum(found.density, np.bincount(one[counts], minlength=len(track)) / volume)


def _density(frame: np.ndarray, xy: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Detections at least as strong as each [D], a pixel and frame of those they are spread over.

    A rank instead of the score itself: it needs no calibrated scores.
    """
    if not len(frame):
        return np.zeros(0)
    area = np.prod(np.maximum(np.ptp(xy, axis=0), _LEAST_SIDE_PX))
    stronger = len(score) - np.searchsorted(np.sort(score), score)
    return stronger / (area * (np.ptp(frame) + 1))
