"""Numbers of a track that tell targets from interference: motion, light, shape and surroundings.

    values = track_numbers(table, rows, smoothed, xy)       # [P, F], in the order of NUMBERS

Each number is computed in a window of frames around a frame of the track, or before it if causal:
a bird that glides for a second still flaps in the next one.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from dimjax.tracks import kalman
from dimjax.tracks.appearance import APPEARANCE
from dimjax.tracks.named_numbers import MEANS, MOTION, VARIED
from dimjax.tracks.track_frames import TrackFrames

WINDOW_FRAMES = 32  # before a frame, and after it unless causal


def track_numbers(
    table: pd.DataFrame,
    rows: TrackFrames,
    smoothed: kalman.Smoothed,
    xy: np.ndarray,
    causal: bool = False,
) -> np.ndarray:
    """Compute NUMBERS in the window around each frame of each track [P, F].

    Speeds are in pixels a frame; lengths, areas, contrasts and speeds are logarithms.

    Args:
      table: Detections with w, h and the columns APPEARANCE.
      rows: Frames of the tracks.
      smoothed: From kalman.smooth, of the same rows.
      xy: [D, 2] detections, motion of the camera removed.
      causal: Compute them in the window up to each frame.
    """
    hit = rows.detection >= 0

    def sums(values: np.ndarray) -> np.ndarray:
        return rows.window_sums(values, WINDOW_FRAMES, 0 if causal else WINDOW_FRAMES)

    measured = np.nan_to_num(rows.values(_single_numbers(table)))
    before, steps = _steps(rows, sums, hit)
    count = np.maximum(sums(hit), 1)[:, None]
    mean = sums(measured) / count
    varied = [list(MEANS).index(name) for name in VARIED]
    spread = np.sqrt(np.maximum(sums(measured[:, varied] ** 2) / count - mean[:, varied] ** 2, 0))
    step = np.where(before[:, None] >= 0, np.abs(measured - measured[before]), 0)[:, varied]
    step = sums(step) / np.maximum(steps, 1)[:, None]
    varying = np.stack([spread, step], axis=-1).reshape(len(hit), -1)  # in the order of NUMBERS
    motion = _motion_numbers(rows, smoothed, xy, sums, before, steps)
    known = np.where(steps[:, None] > 0, 1.0, np.nan)
    detected = _detected_numbers(sums, hit)
    return np.concatenate([motion * known, detected, mean, varying * known], axis=1)


def _single_numbers(table: pd.DataFrame) -> np.ndarray:
    """The numbers of each detection [D, len(MEANS)]."""
    of = {name: table[name].to_numpy(float) for name in APPEARANCE}
    logs = ("contrast", "flux", "clutter", "area")
    values = {
        name: np.log(np.maximum(value, 0.3)) if name.rpartition("_")[2] in logs else value
        for name, value in of.items()
    }
    for image in ("frame", "change"):
        ratio = of[f"{image}_length"] / of[f"{image}_width"]
        values[f"{image}_elongation"] = np.log(ratio)
    values["contrast_ratio"] = values["change_contrast"] - values["frame_contrast"]
    return np.stack([values[name] for name in MEANS], axis=1)


def _steps(
    rows: TrackFrames, sums: Callable[[np.ndarray], np.ndarray], hit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Row of the track's detection before each detection [P], -1 for none; steps in windows [P]."""
    before = np.append(-1, rows.newest()[:-1])[: len(hit)]
    before = np.where(hit & (before >= rows.first[rows.track]), before, -1)
    return before, sums(before >= 0)


def _motion_numbers(
    rows: TrackFrames, smoothed: kalman.Smoothed, xy: np.ndarray, sums, before, steps
) -> np.ndarray:
    """The numbers MOTION [P, len(MOTION)]."""
    hit = rows.detection >= 0
    position, velocity = smoothed.state.mean[:, 0], smoothed.state.mean[:, 1]
    xy = np.where(hit[:, None], rows.values(xy), position)
    frames = sums(np.ones(len(hit)))
    mean = sums(velocity) / frames[:, None]
    squared = sums((velocity**2).sum(axis=1)) / frames
    speed = np.hypot(*mean.T)
    moved = np.hypot(*(xy - xy[before]).T) / np.maximum(rows.frame - rows.frame[before], 1)
    step = sums(np.where(before >= 0, moved, 0)) / np.maximum(steps, 1)
    values = {
        "speed": np.log(speed + 0.1),
        "step": np.log(step + 0.1),
        "straightness": speed / np.sqrt(np.maximum(squared, 1e-4)),
        "turning": np.log(np.sqrt(np.maximum(squared - speed**2, 0)) + 0.1),
        "climb": np.log(np.abs(mean[:, 1]) + 0.1),
    }
    return np.stack([values[name] for name in MOTION], axis=1)


def _detected_numbers(sums, hit: np.ndarray) -> np.ndarray:
    """The numbers DETECTED [P, len(DETECTED)]."""
    count = np.maximum(sums(hit), 1)
    return np.stack([np.log(count), 1 - count / sums(np.ones(len(hit)))], axis=1)
