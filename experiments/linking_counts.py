"""What linking and mining found in planted detections, counted against the truth.

counts(planted, tracks, mined)      # numbers that may be added up over sequences
"""

import numpy as np
import pandas as pd
from planted_detections import Planted

from dimjax.mining import Mined
from dimjax.tracks import Tracks, nearest

RIGHT_PX = 2.0  # a mined miss nearer to its target than this is right
GAPS = range(1, 7)
_SAME_PX = 0.02  # places of items are points of tracks, at most moved into the frame


def counts(planted: Planted, tracks: Tracks, mined: Mined) -> dict[str, float]:
    """What was found of a sequence, as numbers that may be added up."""
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
    """Frames of targets without a strong detection: planted, and mined, by length of the gap."""
    places = _places(mined.misses)
    missed = places[nearest(places, tracks.points[tracks.points.strong], _SAME_PX)[0] < 0]
    lacking = truth[~truth.detected]
    found = np.unique(nearest(missed, lacking, RIGHT_PX)[0])
    found = found[found >= 0]
    gap = gap_lengths(truth)[~truth.detected.to_numpy()]
    by_gap = {}
    for length in GAPS:
        by_gap[f"gap {length}"] = int(np.count_nonzero(gap == length))
        by_gap[f"gap {length} found"] = int(np.count_nonzero(gap[found] == length))
    right = nearest(places, truth, RIGHT_PX)[0] >= 0
    close = nearest(places, truth, 1.0)[0] >= 0
    return {
        "misses": len(missed),
        "right misses": len(found),
        **by_gap,
        "labels": len(places),
        "right labels": int(right.sum()),
        "labels within 1 px": int(close.sum()),
    }


def _count_false_alarms(strong: pd.DataFrame, tracks: Tracks, mined: Mined) -> dict[str, int]:
    false = (strong.truth == "").to_numpy()
    sure = _detections_of(mined.false_alarms, strong, tracks)
    known = _detections_of(mined.false_alarms + mined.doubtful, strong, tracks)
    return {
        "false alarms": int(false.sum()),
        "offered": len(sure),
        "right offered": int(false[sure].sum()),
        "known false alarms": int(false[known].sum()),
        "true detections": int((~false).sum()),
        "harmed": int((~false[sure]).sum()),
    }


def _detections_of(items: list, strong: pd.DataFrame, tracks: Tracks) -> np.ndarray:
    """Rows of the strong detections that items hold, themselves or on their smoothed tracks."""
    places = _places(items)
    itself = nearest(places, strong, _SAME_PX)[0]
    point = nearest(places, tracks.points, _SAME_PX)[0]
    on_track = tracks.points.iloc[point[point >= 0]][["track", "frame"]]
    rows = strong.assign(row=range(len(strong))).merge(on_track, on=["track", "frame"]).row
    return np.union1d(itself[itself >= 0], rows).astype(int)


def _count_fragments(strong: pd.DataFrame, tracks: Tracks) -> dict[str, int]:
    """How many tracks each target has got, and how often it goes from one to another."""
    confirmed = tracks.points.track[tracks.points.confirmed].unique()
    linked = strong[strong.track.isin(confirmed)]
    own = linked[linked.truth != ""].sort_values(["truth", "frame"])
    changes = own[["truth", "track"]].ne(own[["truth", "track"]].shift())
    return {
        "targets": own.truth.nunique(),
        "fragments": len(own[["truth", "track"]].drop_duplicates()),
        "switches": int((changes.track & ~changes.truth).sum()),
        "swallowed": int((linked.truth == "").sum()),
    }


def gap_lengths(truth: pd.DataFrame) -> np.ndarray:
    """For each row of the truth the length of the gap that it is in [rows], 0 in none.

    A gap is a run of frames without a strong detection between two with one.
    """
    lengths = np.zeros(len(truth), int)
    detected = truth.detected.to_numpy()
    for rows in truth.groupby("track").indices.values():
        hits = np.flatnonzero(detected[rows])
        for before, after in zip(hits[:-1], hits[1:], strict=True):
            lengths[rows[before + 1 : after]] = after - before - 1
    return lengths


def _places(items: list) -> pd.DataFrame:
    rows = [(place.frame, place.x, place.y) for item in items for place in item.places]
    return pd.DataFrame(rows, columns=["frame", "x", "y"])
