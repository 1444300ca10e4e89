"""Tracks as tables: what each is, and where it is in each of its frames.

name, points = describe(table, found, track, settings, shift=None)
"""

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.tracks import kalman
from dimjax.tracks.arrays import Found, density_around
from dimjax.tracks.following import renumbered
from dimjax.tracks.likelihood import gains
from dimjax.tracks.settings import Linking
from dimjax.tracks.track_frames import Rows, lay_out

POINT_TYPES = {
    "sequence": "str",
    "track": "str",  # its name
    "frame": "int64",
    "x": "float64",  # smoothed, pixels of the frame
    "y": "float64",
    "vx": "float64",  # smoothed, pixels a frame, motion of the camera taken out
    "vy": "float64",
    "sigma_px": "float64",  # of x and of y
    "w": "float64",  # median of the track, pixels
    "h": "float64",
    "category": "str",  # of the track
    "target_share": "float64",  # of the track's scores: how much of them says that it is a target
    "score": "float64",  # of the detection, 0 without
    "detected": "bool",  # False in a gap
    "strong": "bool",  # the detection is a strong one
    "confirmed": "bool",  # the track is
    "evidence": "float64",  # of the track, see dimjax.tracks.settings
}


def describe(
    table: pd.DataFrame,
    found: Found,
    track: np.ndarray,
    settings: Linking,
    shift: np.ndarray | None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Name of each detection's track [D], "" in none, and the points of all tracks.

    Args:
      table: The detections of a sequence: sequence, frame, x, y, w, h, category, score.
      found: The same as arrays.
      track: [D] number of each one's track, -1 in none.
      settings: Of the linking.
      shift: [T, 2] displacement of the scene, or None.
    """
    track = renumbered(track)
    rows = lay_out(found.frame, track)
    path = kalman.smooth(rows.values(found.xy), rows.lengths, settings)
    evidence = rows.sums(gains(rows, path, density_around(found, track), settings))
    confirmed = rows.most_hits(settings.confirm_frames) >= settings.confirm_hits
    confirmed &= evidence >= settings.sure_evidence
    real = confirmed | (evidence >= settings.least_evidence)
    real &= rows.sums(rows.detection >= 0) >= 2
    own_number = np.where(real, np.cumsum(real) - 1, -1)
    names = np.array([f"{name}/{k}" for name in table.sequence[:1] for k in range(real.sum())])
    names = np.append(names.astype(object), "")  # the last is that of number -1
    of_track = pd.DataFrame({"track": names[own_number], "confirmed": confirmed})
    of_track = of_track.assign(evidence=evidence, **_votes(table, rows))
    points = _points(table, found, rows, path.state, shift)
    points = points.join(of_track.iloc[rows.track].set_index(points.index))
    points = points.reindex(columns=POINT_TYPES).astype(POINT_TYPES)
    return names[np.append(own_number, -1)[track]], points[real[rows.track]]


def no_points() -> pd.DataFrame:
    """A table of points without any."""
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in POINT_TYPES.items()})


def _votes(table: pd.DataFrame, rows: Rows) -> dict[str, np.ndarray]:
    """Category and size of each track: the sum of scores decides, and the median."""
    hit = rows.detection >= 0
    seen = table.iloc[rows.detection[hit]]
    score = seen.score.to_numpy()
    target = score * (seen.category == CATEGORIES[0]).to_numpy()
    count = len(rows.lengths)
    share = np.bincount(rows.track[hit], target, count) / np.bincount(rows.track[hit], score, count)
    size = seen[["w", "h"]].groupby(rows.track[hit]).median()
    return {
        "category": np.array(CATEGORIES, object)[(share < 0.5).astype(int)],
        "target_share": share,
        "w": size.w.to_numpy(),
        "h": size.h.to_numpy(),
    }


def _points(table, found: Found, rows: Rows, state: kalman.State, shift) -> pd.DataFrame:
    """What differs from frame to frame."""
    xy = state.mean[:, 0] if shift is None else state.mean[:, 0] + shift[rows.frame]
    columns = {
        "sequence": table.sequence.iloc[0] if len(table) else "",
        "frame": rows.frame,
        "x": xy[:, 0],
        "y": xy[:, 1],
        "vx": state.mean[:, 1, 0],
        "vy": state.mean[:, 1, 1],
        "sigma_px": np.sqrt(state.cov[:, 0, 0]),
        "score": np.append(found.score, 0.0)[rows.detection],
        "detected": rows.detection >= 0,
        "strong": np.append(found.strong, False)[rows.detection],
    }
    return pd.DataFrame(columns)
