"""Detections of one sequence as arrays, and the density of clutter around them.

detections = to_arrays(table, starts, motion=None)
log_clutter(innovation_variance=1.0, density=detections.density)    # log of expected false alarms
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from dimjax.data.scene_motion import to_scene

_MIN_SIDE_PX = 256.0  # assumed size of a frame if too few detections show how large it is
_NEIGHBOURHOOD_PX, _NEIGHBOURHOOD_FRAMES = 30.0, 5.0  # half axes in space and time
_ROWS = 2**12  # detections whose neighbours are searched at once


class DetectionArrays(NamedTuple):
    """Detections of one sequence, ordered by frame and within a frame by falling score."""

    frame: np.ndarray  # [D] int
    xy: np.ndarray  # [D, 2] pixels of frame 0, motion of the camera removed
    score: np.ndarray  # [D] 0 to 1
    starts: np.ndarray  # [D] bool, may start a track
    density: np.ndarray  # [D] detections at least as strong, per pixel and frame


def to_arrays(
    table: pd.DataFrame, starts: np.ndarray, motion: np.ndarray | None, causal: bool = False
) -> DetectionArrays:
    """Convert the sorted detections of a sequence to arrays.

    Args:
      table: Columns frame, x, y, score.
      starts: [D] bool, may start a track.
      motion: [T, 2] or [T, 4] motion of the scene up to each frame, see
        dimjax.data.scene_motion; None for a steady camera.
      causal: Measure the density at each detection in its frame and earlier ones only.
    """
    frame, xy = table.frame.to_numpy(np.int64), table[["x", "y"]].to_numpy(float)
    if motion is not None:
        xy = to_scene(xy, motion[frame])
    score = table.score.to_numpy(float)
    density = _past_density if causal else _density
    return DetectionArrays(frame, xy, score, starts, density(frame, xy, score))


def time_reversed(detections: DetectionArrays) -> DetectionArrays:
    """Reverse time: the order is reversed, the frames are negated."""
    reversed_values = (values[::-1] for values in detections[1:])
    return DetectionArrays(-detections.frame[::-1], *reversed_values)


def log_clutter(innovation_variance: np.ndarray | float, density: np.ndarray) -> np.ndarray:
    """Log of the number of false alarms expected under the predicted density, ln(2 pi S lambda).

    A detection with normalized innovation squared d2 adds -d2 / 2 - ln(2 pi S lambda) to the
    log-likelihood ratio of track against clutter.

    Args:
      innovation_variance: S, variance of the innovation along one axis, pixels squared.
      density: lambda, false alarms per pixel and frame.
    """
    return np.log(2 * np.pi * innovation_variance * density)


def density_around(
    detections: DetectionArrays, track: np.ndarray, causal: bool = False
) -> np.ndarray:
    """Density of the detections that are at least as strong and belong to another track [D].

    The density is that of the whole sequence, or that of the neighbourhood if it is higher, as at
    the edges of clouds. A track's own detections do not count: a slow target is no clutter.

    Args:
      detections: The detections.
      track: [D] track number of each detection, -1 without a track.
      causal: Count in the frame of each detection and in earlier ones only.
    """
    if len(track) < 2:
        return detections.density
    number = np.zeros(len(track))
    for pairs in _neighbours(detections):
        centre, neighbour = np.concatenate([pairs, pairs[:, ::-1]]).T
        counts = (track[centre] != track[neighbour]) | (track[centre] < 0)
        counts &= detections.score[neighbour] >= detections.score[centre]
        if causal:
            counts &= detections.frame[neighbour] <= detections.frame[centre]
        number += np.bincount(centre[counts], minlength=len(track))
    volume = 4 / 3 * np.pi * _NEIGHBOURHOOD_PX**2 * _NEIGHBOURHOOD_FRAMES  # of an ellipsoid
    local = number / (volume / 2 if causal else volume)
    return np.maximum(detections.density, local)


def _neighbours(detections: DetectionArrays) -> Iterator[np.ndarray]:
    """Yield the pairs [K, 2] of detections in each other's neighbourhood, some rows at a time.

    The pairs of a whole sequence would take gigabytes if each frame holds a hundred detections.
    """
    frame = detections.frame
    time = frame * (_NEIGHBOURHOOD_PX / _NEIGHBOURHOOD_FRAMES)
    points = np.column_stack([detections.xy, time])
    for first in range(0, len(frame), _ROWS):
        last = frame[first : first + _ROWS][-1] + _NEIGHBOURHOOD_FRAMES
        stop = np.searchsorted(frame, last, side="right")
        pairs = cKDTree(points[first:stop]).query_pairs(_NEIGHBOURHOOD_PX, output_type="ndarray")
        yield first + pairs[pairs[:, 0] < _ROWS]  # the first of a pair is the earlier row


def _density(frame: np.ndarray, xy: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Number of detections at least as strong as each [D], per pixel and frame of their extent.

    A rank replaces the score itself, so scores need not be calibrated.
    """
    if not len(frame):
        return np.zeros(0)
    area = np.prod(np.maximum(np.ptp(xy, axis=0), _MIN_SIDE_PX))
    stronger = len(score) - np.searchsorted(np.sort(score), score)
    return stronger / (area * (np.ptp(frame) + 1))


def _past_density(frame: np.ndarray, xy: np.ndarray, score: np.ndarray) -> np.ndarray:
    """The same as _density, of the detections up to the frame of each."""
    density, past = np.zeros(len(frame)), np.zeros(0)
    side = np.maximum.accumulate(xy) - np.minimum.accumulate(xy)
    ends = np.append(np.flatnonzero(np.diff(frame)) + 1, len(frame))
    first = 0
    for end in ends[ends > 0].tolist():
        past = np.sort(np.concatenate([past, score[first:end]]), kind="stable")
        area = np.prod(np.maximum(side[end - 1], _MIN_SIDE_PX))
        stronger = len(past) - np.searchsorted(past, score[first:end])
        density[first:end] = stronger / (area * (frame[end - 1] - frame[0] + 1))
        first = end
    return density
