"""Locations of possible targets that have no label.

A target was detected there away from all labels, or the labels of a track have a gap or end too
early.

    proposals = propose(labels, losses, link(detections), link_labels(labels), shapes, match_px=3.0)
    frame_evidence = measure_frames(proposals, folder.sequence, stride)
    proposals = add_frame_evidence(proposals, frame_evidence)
    proposals[["sequence", "frame", "x", "y", "score", "track_hits", "labelled_share"]]
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dimjax.tracks import Tracks, has_neighbour

# Measures of a proposal; 1 if high values indicate a target.
PROPOSAL_MEASURES = {
    "score": 1,
    "track_hits": 1,
    "log_likelihood_ratio": 1,
    "labelled_share": 1,
    "peak_score": 1,
    "image_snr": 1,
    "track_snr": 1,
}

_CLAIM_RADII = 2.0  # a detection within this many matching radii of a label belongs to the label
_LATE = 0.5  # share of the epochs, the first ones, whose peaks are left out
_MIN_SCORE = 0.05  # of a detection without a track
_EXTRAPOLATED_FRAMES = 6  # beyond the ends of a label track: gaps of an annotator are not longer
_MIN_LABELS = 4  # of an extrapolated track: a shorter one may be a run of errors itself
_NOISE_SNR = 1.7  # mean of image_snr in pure noise


def propose(
    labels: pd.DataFrame,
    losses: pd.DataFrame,
    tracks: Tracks,
    label_tracks: Tracks,
    shapes: Mapping[str, tuple[int, int, int]],
    match_px: float,
) -> pd.DataFrame:
    """List the points of target tracks and the single detections of targets without a label nearby.

    The tracks are those of the detections, and those of the labels in gaps and beyond ends inside
    the frame: an aircraft does not vanish.

    Args:
      labels: Label table.
      losses: LOSS_COLUMNS of the recorded losses, for the strongest unmatched peak of each chip.
      tracks: Tracks of the detections.
      label_tracks: Tracks of the labels, from dimjax.tracks.link_labels.
      shapes: T, H, W of each sequence: smoothed tracks may leave the frame.
      match_px: Matching radius, pixels. Detections within 2 radii of a label of any category
        belong to the label.

    Returns:
      Table with sequence, frame, x, y, w, h, track ("" for single detections), gap (see
      _label_gaps, else 0) and the columns of PROPOSAL_MEASURES except those of add_frame_evidence.
    """
    claim_px = _CLAIM_RADII * match_px
    points = tracks.points[tracks.points.confirmed]
    points = points.assign(labelled=has_neighbour(points, labels, claim_px))
    on_track = _unlabelled_points(points)
    confirmed = points.track.unique()
    single = _single_detections(tracks.detections, confirmed, labels, claim_px)
    gaps = _label_gaps(labels, label_tracks, on_track, claim_px)
    table = pd.concat([on_track.assign(gap=0.0), single.assign(gap=0.0), gaps], ignore_index=True)
    table = table[_inside(table, shapes)].reset_index(drop=True)
    return table.assign(peak_score=_peak_scores(table, losses, match_px))


def add_frame_evidence(proposals: pd.DataFrame, frame_evidence: pd.DataFrame) -> pd.DataFrame:
    """Add the signal of the frames to proposals.

    Args:
      proposals: From propose.
      frame_evidence: From dimjax.suspects.measure_frames, rows as the proposals.

    Returns:
      The table with image_snr and track_snr, the significance of the mean image_snr of all
      proposals of a track: targets too dim in each frame stand out there.
    """
    track = proposals.track.where(proposals.track != "", proposals.index.astype("str"))
    of_track = frame_evidence.image_snr.groupby(track)
    excess = of_track.transform("mean") - _NOISE_SNR
    track_snr = excess * np.sqrt(of_track.transform("size"))
    return proposals.assign(image_snr=frame_evidence.image_snr, track_snr=track_snr)


def _unlabelled_points(points: pd.DataFrame) -> pd.DataFrame:
    """Unlabelled points of target tracks, with the hits and the labelled share of the track."""
    of_track = points.groupby("track").agg(
        track_hits=("detected", "sum"), labelled_share=("labelled", "mean")
    )
    columns = ["sequence", "frame", "x", "y", "w", "h", "score", "track", "log_likelihood_ratio"]
    unlabelled = points[(points.category == "target") & ~points.labelled]
    return unlabelled[columns].join(of_track, on="track")


def _single_detections(
    detections: pd.DataFrame, confirmed: np.ndarray, labels: pd.DataFrame, claim_px: float
) -> pd.DataFrame:
    """Detections of targets away from labels and without a confirmed track."""
    single = detections[
        (detections.category == "target")
        & (detections.score >= _MIN_SCORE)
        & ~detections.track.isin(confirmed)
    ]
    columns = ["sequence", "frame", "x", "y", "w", "h", "score", "track"]
    single = single[~has_neighbour(single, labels, claim_px)][columns]
    return single.assign(track="", log_likelihood_ratio=0.0, track_hits=0, labelled_share=0.0)


def _inside(table: pd.DataFrame, shapes: Mapping[str, tuple[int, int, int]]) -> np.ndarray:
    sizes = np.array([shapes[name] for name in table.sequence]).reshape(-1, 3)
    location = table[["frame", "y", "x"]].to_numpy(float)
    return ((location >= 0) & (location < sizes)).all(axis=1)


def _label_gaps(
    labels: pd.DataFrame, label_tracks: Tracks, on_track: pd.DataFrame, claim_px: float
) -> pd.DataFrame:
    """Frames inside the gaps of a target's labels, and frames next to their ends.

    `gap` is the share of the track's frames, extended to the frame in question, that have a label.
    """
    points = label_tracks.points[label_tracks.points.category == "target"]
    of_track = points.groupby("track").agg(
        track_hits=("detected", "sum"), frames=("detected", "size")
    )
    points = points.join(of_track, on="track").assign(ahead=0)
    long = points[points.track_hits >= _MIN_LABELS].sort_values("frame").groupby("track")
    ends = [_extrapolated(long.head(1), -1), _extrapolated(long.tail(1), 1)]
    table = pd.concat([points[~points.detected], *ends], ignore_index=True)
    table = table[~has_neighbour(table, labels, claim_px)]
    table = table[~has_neighbour(table, on_track, claim_px)]
    columns = ["sequence", "frame", "x", "y", "w", "h", "log_likelihood_ratio", "track_hits"]
    share = table.track_hits / (table.frames + table.ahead)
    track = table.track + " labels"
    return table[columns].assign(score=0.0, track=track, labelled_share=share, gap=share)


def _extrapolated(ends: pd.DataFrame, direction: int) -> pd.DataFrame:
    """Extrapolate track ends to the frames after (1) or before (-1) them."""
    ahead = np.tile(np.arange(1, _EXTRAPOLATED_FRAMES + 1), len(ends))
    table = ends.loc[ends.index.repeat(_EXTRAPOLATED_FRAMES)].assign(ahead=ahead)
    step = direction * ahead
    position = {axis: table[axis] + step * table[f"v{axis}"] for axis in ("x", "y")}
    return table.assign(frame=table.frame + step, **position)


def _peak_scores(proposals: pd.DataFrame, losses: pd.DataFrame, match_px: float) -> pd.Series:
    """Mean score of the unmatched peaks near each proposal in the late epochs; NaN without any."""
    late = losses[losses.epoch >= _LATE * losses.epoch.max()]
    late = late[["sequence", "frame", "peak_x", "peak_y", "peak_score"]]
    locations = proposals[["sequence", "frame", "x", "y"]].reset_index(names="row")
    pairs = locations.merge(late, on=["sequence", "frame"])
    near = np.hypot(pairs.x - pairs.peak_x, pairs.y - pairs.peak_y) < match_px
    return pairs[near].groupby("row").peak_score.mean().reindex(proposals.index)
