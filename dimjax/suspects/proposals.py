"""Places where a target may be that has no label.

It was detected there apart from all labels, or the labels of a track pause or end too early.

table = propose(labels, losses, link(detections), link_labels(labels), shapes, apart_px=6.0)
table = seen_in(table, look(table, folder.sequence, stride))
table[["sequence", "frame", "x", "y", "score", "track_hits", "labelled_share"]]
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dimjax.tracks import Tracks, nearest

PROPOSAL_MEASURES = {
    "score": 1,
    "track_hits": 1,
    "evidence": 1,
    "labelled_share": 1,
    "stray": 1,
    "image_snr": 1,
    "track_snr": 1,
}

_LATE = 0.5  # share of the epochs, the first ones, whose strays do not count
_STRAY_PX = 3.0
_LEAST_SCORE = 0.05
_AHEAD_FRAMES = 6  # a track of labels is followed so far beyond its ends: a lapse is no longer
_SURE_LABELS = 4  # of a track that is followed: a shorter one may be a run of errors itself
_NOISE_SNR = 1.7  # mean of image_snr where there is nothing


def propose(
    labels: pd.DataFrame,
    losses: pd.DataFrame,
    tracks: Tracks,
    paths: Tracks,
    shapes: Mapping[str, tuple[int, int, int]],
    apart_px: float,
) -> pd.DataFrame:
    """Points of target tracks and lone target detections that have no label near.

    Tracks are those of the detections, and those of the labels where these leave a gap or end
    inside the frame: what flies does not vanish.

    Args:
      labels: Label table.
      losses: losses.parquet, for the strongest thing that each epoch saw apart from labels.
      tracks: Of the detections.
      paths: Of the labels, from dimjax.suspects.link_labels.
      shapes: T, H, W of each sequence: smoothed tracks may pass outside.
      apart_px: What is nearer than this to a label, of any category, is that label's matter.

    Returns:
      Table with sequence, frame, x, y, w, h, track ("" for lone ones) and the columns of
      PROPOSAL_MEASURES but those of seen_in.
    """
    points = tracks.points[tracks.points.confirmed]
    points = points.assign(labelled=near(points, labels, apart_px))
    whole = points.groupby("track").agg(
        track_hits=("detected", "sum"), labelled_share=("labelled", "mean")
    )
    box = ["sequence", "frame", "x", "y", "w", "h", "score", "track"]
    on_track = points[(points.category == "target") & ~points.labelled]
    on_track = on_track[[*box, "evidence"]].join(whole, on="track")
    found = tracks.detections
    lone = found[
        (found.category == "target")
        & (found.score >= _LEAST_SCORE)
        & ~found.track.isin(points.track.unique())
    ]
    lone = lone[~near(lone, labels, apart_px)][box]
    lone = lone.assign(track="", evidence=0.0, track_hits=0, labelled_share=0.0)
    pauses = _pauses(labels, paths, on_track, apart_px)
    table = pd.concat([on_track.assign(gap=0.0), lone.assign(gap=0.0), pauses], ignore_index=True)
    table = table[_inside(table, shapes)].reset_index(drop=True)
    return table.assign(stray=_strays(table, losses))


def _inside(table: pd.DataFrame, shapes: Mapping[str, tuple[int, int, int]]) -> np.ndarray:
    sizes = np.array([shapes[name] for name in table.sequence]).reshape(-1, 3)
    place = table[["frame", "y", "x"]].to_numpy(float)
    return ((place >= 0) & (place < sizes)).all(axis=1)


def _pauses(labels, paths: Tracks, on_track: pd.DataFrame, apart_px: float) -> pd.DataFrame:
    """Frames in which a target's labels pause, and those next to their ends.

    `gap` is the share of the track's frames, up to the frame in question, that have a label.
    """
    points = paths.points[paths.points.category == "target"]
    whole = points.groupby("track").agg(track_hits=("detected", "sum"), frames=("detected", "size"))
    points = points.join(whole, on="track").assign(ahead=0)
    sure = points[points.track_hits >= _SURE_LABELS].sort_values("frame").groupby("track")
    ends = [_beyond(sure.head(1), -1), _beyond(sure.tail(1), 1)]
    table = pd.concat([points[~points.detected], *ends], ignore_index=True)
    table = table[~near(table, labels, apart_px) & ~near(table, on_track, apart_px)]
    columns = ["sequence", "frame", "x", "y", "w", "h", "evidence", "track_hits"]
    share = table.track_hits / (table.frames + table.ahead)
    known = {"track": table.track + " labels", "labelled_share": share, "gap": share}
    return table[columns].assign(score=0.0, **known)


def _beyond(ends: pd.DataFrame, direction: int) -> pd.DataFrame:
    """The frames after (1) or before (-1) ends of tracks, as they would fly on."""
    ahead = np.tile(np.arange(1, _AHEAD_FRAMES + 1), len(ends))
    table = ends.loc[ends.index.repeat(_AHEAD_FRAMES)].assign(ahead=ahead)
    step = direction * ahead
    there = {axis: table[axis] + step * table[f"v{axis}"] for axis in ("x", "y")}
    return table.assign(frame=table.frame + step, **there)


def seen_in(table: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Proposals with what the frames show of them.

    Args:
      table: From propose.
      images: From dimjax.suspects.frame_evidence, rows as the table.

    Returns:
      The table with image_snr, and track_snr: how far the mean of all proposals of its track stands
      out, which tells of what is too dim in each frame.
    """
    track = table.track.where(table.track != "", table.index.astype("str"))
    own = images.image_snr.groupby(track)
    over = (own.transform("mean") - _NOISE_SNR) * np.sqrt(own.transform("size"))
    return table.assign(image_snr=images.image_snr, track_snr=over)


def near(table: pd.DataFrame, labels: pd.DataFrame, radius_px: float) -> np.ndarray:
    """Which rows have a label nearer than a radius in their frame: [N] bool."""
    found = np.zeros(len(table), bool)
    for name in table.sequence.unique():
        rows = np.flatnonzero(table.sequence == name)
        own = labels[labels.sequence == name]
        found[rows] = nearest(table.iloc[rows], own, radius_px)[0] >= 0
    return found


def _strays(table: pd.DataFrame, losses: pd.DataFrame) -> pd.Series:
    """Mean confidence of the strays near each place in the late epochs; NaN where no chip is."""
    late = losses[losses.epoch >= _LATE * losses.epoch.max()]
    late = late[["sequence", "frame", "stray_x", "stray_y", "stray_score"]]
    places = table[["sequence", "frame", "x", "y"]].reset_index(names="row")
    pairs = places.merge(late, on=["sequence", "frame"])
    near = np.hypot(pairs.x - pairs.stray_x, pairs.y - pairs.stray_y) < _STRAY_PX
    return pairs[near].groupby("row").stray_score.mean().reindex(table.index)
