"""Tables of tracks: the properties of each track, and its position in each of its frames.

names, probability, points = describe(table, arrays, track, settings, motion=None)
"""

import numpy as np
import pandas as pd

from dimjax.data.scene_motion import scale_of, to_frame, turned
from dimjax.tracks import kalman
from dimjax.tracks.arrays import DetectionArrays, density_around
from dimjax.tracks.categories import categorise, category_of, target_share
from dimjax.tracks.following import renumbered
from dimjax.tracks.likelihood import llr_increments, track_evidence
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames

POINT_TYPES = {
    "sequence": "str",
    "track": "str",  # its name
    "frame": "int64",
    "x": "float64",  # smoothed, or filtered if causal, pixels of the frame
    "y": "float64",
    "vx": "float64",  # likewise, pixels a frame, motion of the camera removed
    "vy": "float64",
    "sigma_px": "float64",  # of x and of y
    "w": "float64",  # median of the track, or of the detection if causal, pixels
    "h": "float64",
    "category": "str",  # of the track
    "target_probability": "float64",  # of the track; its share of the scores without a model
    "reason": "str",  # the numbers that support the category most, "" without a model
    "score": "float64",  # of the detection, 0 without one
    "detected": "bool",  # False in a gap
    "strong": "bool",  # the detection is a strong one
    "confirmed": "bool",  # the track is confirmed
    "log_likelihood_ratio": "float64",  # of the track, see dimjax.tracks.likelihood
    "evidence": "float64",  # of the track around the frame, see dimjax.tracks.likelihood
}


def describe(
    table: pd.DataFrame,
    detections: DetectionArrays,
    track: np.ndarray,
    settings: LinkingConfig,
    motion: np.ndarray | None,
    causal: bool = False,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Name the tracks of a sequence and tabulate their points.

    Args:
      table: The detections of a sequence: sequence, frame, x, y, w, h, category, score, strong.
      detections: The same as arrays.
      track: [D] track number of each detection, -1 without a track.
      settings: Settings of the linking.
      motion: [T, 2] or [T, 4] motion of the scene up to each frame, or None.
      causal: Describe each track as it is known in each of its frames; see dimjax.tracks.link.

    Returns:
      Track name of each detection [D], "" without a track; the probability [D] that it is a target,
      NaN without category models; and the points of all tracks.
    """
    track = renumbered(track)
    rows = TrackFrames.from_detections(detections.frame, track)
    smoothed = kalman.smooth(rows.values(detections.xy), rows.lengths, settings, causal)
    points = _points(table, detections, rows, smoothed.state, motion)
    density = density_around(detections, track, causal)
    increments = llr_increments(rows, smoothed, density, settings)
    accepted, confirmed, ratio = _judge(rows, increments, settings, causal)
    probability, of_point, reason = _categories(table, detections, track, rows, settings, causal)
    evidence = track_evidence(rows, smoothed, detections, settings, causal)
    names = _names(table, rows, accepted, causal)
    points = points.assign(
        track=names,
        category=category_of(of_point),
        target_probability=of_point,
        reason=reason,
        confirmed=confirmed,
        log_likelihood_ratio=ratio,
        evidence=evidence,
        **_sizes(table, rows, causal),
    )
    points = points.reindex(columns=POINT_TYPES).astype(POINT_TYPES)
    of_detection = np.full(len(track), "", object)
    linked = accepted & (rows.detection >= 0)
    of_detection[rows.detection[linked]] = names[linked]
    return of_detection, probability, points[accepted]


def empty_points() -> pd.DataFrame:
    """Return a table of points without rows."""
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in POINT_TYPES.items()})


def _categories(
    table: pd.DataFrame,
    detections: DetectionArrays,
    track: np.ndarray,
    rows: TrackFrames,
    settings: LinkingConfig,
    causal: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability of a target for each detection [D] and point [P], and the reason [P]."""
    if settings.categories is None:
        share = target_share(table, rows, causal)
        return np.full(len(track), np.nan), share, np.full(len(share), "", object)
    judged = categorise(table, detections.xy, track, settings, causal)
    newest = rows.detection[rows.newest()]
    return judged.probability, judged.probability[newest], judged.reason[newest]


def _judge(
    rows: TrackFrames, increments: np.ndarray, settings: LinkingConfig, causal: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether a point is accepted, whether its track is confirmed, and the track's ratio [P]."""

    def total(values: np.ndarray) -> np.ndarray:
        return rows.sums_so_far(values) if causal else rows.sums(values)[rows.track]

    ratio, detected = total(increments), rows.detection >= 0
    confirmed = total(rows.hits_within(settings.confirm_frames) >= settings.confirm_hits) > 0
    confirmed &= ratio >= settings.confirm_log_likelihood_ratio
    accepted = confirmed | (ratio >= settings.min_log_likelihood_ratio)
    accepted &= total(detected) >= 2
    if causal:  # whether a track that coasts goes on is not known yet
        accepted &= detected
    return accepted, confirmed, ratio


def _names(
    table: pd.DataFrame, rows: TrackFrames, accepted: np.ndarray, causal: bool
) -> np.ndarray:
    """Name of the track of each point [P]; numbers have gaps if causal."""
    number = np.arange(len(rows.lengths))
    if not causal:
        number = np.cumsum(rows.sums(accepted) > 0) - 1
    names = [f"{name}/{k}" for name in table.sequence[:1] for k in number]
    return np.array(names, object)[rows.track]


def _sizes(table: pd.DataFrame, rows: TrackFrames, causal: bool) -> dict[str, np.ndarray]:
    """Median size of each track, or if causal the size of each detection [P]."""
    size = table[["w", "h"]]
    if not causal:
        hit = rows.detection >= 0
        size = size.iloc[rows.detection[hit]].groupby(rows.track[hit]).median()
    size = size.iloc[rows.detection if causal else rows.track]
    return {"w": size.w.to_numpy(), "h": size.h.to_numpy()}


def _points(
    table: pd.DataFrame, detections: DetectionArrays, rows: TrackFrames, state: kalman.State, motion
) -> pd.DataFrame:
    """Columns that differ from frame to frame."""
    xy, velocity, sigma = state.mean[:, 0], state.mean[:, 1], np.sqrt(state.cov[:, 0, 0])
    if motion is not None:
        moved = motion[rows.frame]
        xy, velocity, sigma = to_frame(xy, moved), turned(velocity, moved), sigma * scale_of(moved)
    columns = {
        "sequence": table.sequence.iloc[0] if len(table) else "",
        "frame": rows.frame,
        "x": xy[:, 0],
        "y": xy[:, 1],
        "vx": velocity[:, 0],
        "vy": velocity[:, 1],
        "sigma_px": sigma,
        "score": np.append(detections.score, 0.0)[rows.detection],
        "detected": rows.detection >= 0,
        "strong": np.append(table.strong.to_numpy(), False)[rows.detection],
    }
    return pd.DataFrame(columns)
