"""Tables of tracks: the properties of each track, and its position in each of its frames.

names, points = describe(table, arrays, track, settings, shift=None)
"""

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.tracks import kalman
from dimjax.tracks.arrays import DetectionArrays, density_around
from dimjax.tracks.following import renumbered
from dimjax.tracks.likelihood import llr_increments
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames

POINT_TYPES = {
    "sequence": "str",
    "track": "str",  # its name
    "frame": "int64",
    "x": "float64",  # smoothed, pixels of the frame
    "y": "float64",
    "vx": "float64",  # smoothed, pixels a frame, motion of the camera removed
    "vy": "float64",
    "sigma_px": "float64",  # of x and of y
    "w": "float64",  # median of the track, pixels
    "h": "float64",
    "category": "str",  # of the track
    "target_share": "float64",  # share of the track's scores that belongs to the target category
    "score": "float64",  # of the detection, 0 without one
    "detected": "bool",  # False in a gap
    "strong": "bool",  # the detection is a strong one
    "confirmed": "bool",  # the track is confirmed
    "log_likelihood_ratio": "float64",  # of the track, see dimjax.tracks.likelihood
}


def describe(
    table: pd.DataFrame,
    detections: DetectionArrays,
    track: np.ndarray,
    settings: LinkingConfig,
    shift: np.ndarray | None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Name the tracks of a sequence and tabulate their points.

    Args:
      table: The detections of a sequence: sequence, frame, x, y, w, h, category, score.
      detections: The same as arrays.
      track: [D] track number of each detection, -1 without a track.
      settings: Settings of the linking.
      shift: [T, 2] displacement of the scene, or None.

    Returns:
      Track name of each detection [D], "" without a track, and the points of all tracks.
    """
    track = renumbered(track)
    rows = TrackFrames.from_detections(detections.frame, track)
    smoothed = kalman.smooth(rows.values(detections.xy), rows.lengths, settings)
    density = density_around(detections, track)
    ratio = rows.sums(llr_increments(rows, smoothed, density, settings))
    confirmed = rows.max_hits(settings.confirm_frames) >= settings.confirm_hits
    confirmed &= ratio >= settings.confirm_log_likelihood_ratio
    accepted = confirmed | (ratio >= settings.min_log_likelihood_ratio)
    accepted &= rows.sums(rows.detection >= 0) >= 2
    number = np.where(accepted, np.cumsum(accepted) - 1, -1)
    names = np.array([f"{name}/{k}" for name in table.sequence[:1] for k in range(accepted.sum())])
    names = np.append(names.astype(object), "")  # the last one belongs to number -1
    of_track = pd.DataFrame({"track": names[number], "confirmed": confirmed})
    of_track = of_track.assign(log_likelihood_ratio=ratio, **_votes(table, rows))
    points = _points(table, detections, rows, smoothed.state, shift)
    points = points.join(of_track.iloc[rows.track].set_index(points.index))
    points = points.reindex(columns=POINT_TYPES).astype(POINT_TYPES)
    return names[np.append(number, -1)[track]], points[accepted[rows.track]]


def empty_points() -> pd.DataFrame:
    """Return a table of points without rows."""
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in POINT_TYPES.items()})


def _votes(table: pd.DataFrame, rows: TrackFrames) -> dict[str, np.ndarray]:
    """Category of each track, by the sum of its scores, and the median of its sizes."""
    hit = rows.detection >= 0
    linked = table.iloc[rows.detection[hit]]
    score = linked.score.to_numpy()
    target_score = score * (linked.category == CATEGORIES[0]).to_numpy()
    track, count = rows.track[hit], len(rows.lengths)
    share = np.bincount(track, target_score, count) / np.bincount(track, score, count)
    size = linked[["w", "h"]].groupby(track).median()
    return {
        "category": np.array(CATEGORIES, object)[(share < 0.5).astype(int)],
        "target_share": share,
        "w": size.w.to_numpy(),
        "h": size.h.to_numpy(),
    }


def _points(
    table: pd.DataFrame, detections: DetectionArrays, rows: TrackFrames, state: kalman.State, shift
) -> pd.DataFrame:
    """Columns that differ from frame to frame."""
    xy = state.mean[:, 0] if shift is None else state.mean[:, 0] + shift[rows.frame]
    columns = {
        "sequence": table.sequence.iloc[0] if len(table) else "",
        "frame": rows.frame,
        "x": xy[:, 0],
        "y": xy[:, 1],
        "vx": state.mean[:, 1, 0],
        "vy": state.mean[:, 1, 1],
        "sigma_px": np.sqrt(state.cov[:, 0, 0]),
        "score": np.append(detections.score, 0.0)[rows.detection],
        "detected": rows.detection >= 0,
        "strong": np.append(detections.strong, False)[rows.detection],
    }
    return pd.DataFrame(columns)
