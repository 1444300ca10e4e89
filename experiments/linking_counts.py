"""Counts of the results of linking and mining planted detections, compared with the truth.

counts(planted, tracks, mined)      # numbers that can be summed over sequences
"""

import numpy as np
import pandas as pd
from planted_detections import Planted

from dimjax.mining import Mined
from dimjax.tracks import Tracks, has_neighbour, nearest

RIGHT_PX = 2.0  # a mined miss nearer than this to its target is right
GAPS = range(1, 7)
_SAME_PX = 0.02  # items lie at points of tracks, at most moved into the frame


def counts(planted: Planted, tracks: Tracks, mined: Mined) -> dict[str, float]:
    """Count the results of one sequence."""
    table = tracks.detections.assign(truth=planted.detections.truth)
    strong = table[table.strong]
    return {
        **_count_misses(planted.truth, tracks, mined),
        **_count_false_alarms(strong, tracks, mined),
        **_count_fragments(strong, tracks),
        "items": len(mined.misses) + len(mined.false_alarms),
        "doubtful items": len(mined.doubtful),
        "detections": len(table),
    }


def _count_misses(truth: pd.DataFrame, tracks: Tracks, mined: Mined) -> dict[str, int]:
    """Count frames of targets without a strong detection, planted and mined, by gap length."""
    locations = _locations(mined.misses)
    missed = locations[~has_neighbour(locations, tracks.points[tracks.points.strong], _SAME_PX)]
    undetected = truth[~truth.detected]
    mined_rows = np.unique(nearest(missed, undetected, RIGHT_PX)[0])
    mined_rows = mined_rows[mined_rows >= 0]
    gap = gap_lengths(truth)[~truth.detected.to_numpy()]
    by_gap = {}
    for length in GAPS:
        by_gap[f"gap {length}"] = int(np.count_nonzero(gap == length))
        by_gap[f"gap {length} mined"] = int(np.count_nonzero(gap[mined_rows] == length))
    right = has_neighbour(locations, truth, RIGHT_PX)
    close = has_neighbour(locations, truth, 1.0)
    return {
        "misses": len(missed),
        "right misses": len(mined_rows),
        **by_gap,
        "labels": len(locations),
        "right labels": int(right.sum()),
        "labels within 1 px": int(close.sum()),
    }


def _count_false_alarms(strong: pd.DataFrame, tracks: Tracks, mined: Mined) -> dict[str, int]:
    false = (strong.truth == "").to_numpy()
    sure = _detections_of(mined.false_alarms, strong, tracks)
    sure_or_doubtful = _detections_of(mined.false_alarms + mined.doubtful, strong, tracks)
    return {
        "false alarms": int(false.sum()),
        "offered": len(sure),
        "right offered": int(false[sure].sum()),
        "known false alarms": int(false[sure_or_doubtful].sum()),
        "true detections": int((~false).sum()),
        "harmed": int((~false[sure]).sum()),
    }


def _detections_of(items: list, strong: pd.DataFrame, tracks: Tracks) -> np.ndarray:
    """Find the rows of the strong detections in items, directly or on their smoothed tracks."""
    locations = _locations(items)
    direct = nearest(locations, strong, _SAME_PX)[0]
    point = nearest(locations, tracks.points, _SAME_PX)[0]
    on_track = tracks.points.iloc[point[point >= 0]][["track", "frame"]]
    rows = strong.assign(row=range(len(strong))).merge(on_track, on=["track", "frame"]).row
    return np.union1d(direct[direct >= 0], rows).astype(int)


def _count_fragments(strong: pd.DataFrame, tracks: Tracks) -> dict[str, int]:
    """Count the tracks of the targets and the changes from one track to another."""
    confirmed = tracks.points.track[tracks.points.confirmed].unique()
    linked = strong[strong.track.isin(confirmed)]
    true = linked[linked.truth != ""].sort_values(["truth", "frame"])
    changes = true[["truth", "track"]].ne(true[["truth", "track"]].shift())
    return {
        "targets": true.truth.nunique(),
        "fragments": len(true[["truth", "track"]].drop_duplicates()),
        "switches": int((changes.track & ~changes.truth).sum()),
        "swallowed": int((linked.truth == "").sum()),
    }


def gap_lengths(truth: pd.DataFrame) -> np.ndarray:
    """Compute the length of the gap around each row of the truth [rows], 0 outside gaps.

    A gap is a run of frames without a strong detection, between two frames with one.
    """
    lengths = np.zeros(len(truth), int)
    detected = truth.detected.to_numpy()
    for rows in truth.groupby("track").indices.values():
        hits = np.flatnonzero(detected[rows])
        for before, after in zip(hits[:-1], hits[1:], strict=True):
            lengths[rows[before + 1 : after]] = after - before - 1
    return lengths


def _locations(items: list) -> pd.DataFrame:
    rows = [(item.sequence, at.frame, at.x, at.y) for item in items for at in item.frames]
    return pd.DataFrame(rows, columns=["sequence", "frame", "x", "y"])
