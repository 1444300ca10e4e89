"""What speaks against a label: one column for each measure, one row for each label.

In come the labels, the record of a training (losses and answers of all epochs), the tracks of what
the trained network detects in the labels' sequences, the tracks of the labels themselves, and what
the frames show. NaN says that a measure knows nothing of a label.

    table = measure(labels, losses, answers, link(detections), link_labels(labels), images)
    table.offset_px                             # how far away the network put it, mean of epochs
"""

import numpy as np
import pandas as pd

from dimjax.tracks import Tracks, agreement, link, nearest

# For each kind the measures that tell it, and whether high (1) or low (-1) values speak for it.
MEASURES = {
    "wrong_position": {
        "offset_px": 1,
        "offset_sigmas": 1,
        "location_loss": 1,
        "detection_px": 1,
        "track_px": 1,
        "track_sigmas": 1,
        "path_px": 1,
        "image_px": 1,
    },
    "wrong_category": {
        "category_margin": -1,
        "category_loss": 1,
        "detection_other": 1,
        "track_other": 1,
        "path_other": 1,
        "path_margin": -1,
    },
    "labelled_background": {
        "confidence_margin": -1,
        "detection_score": -1,
        "track_hits": -1,
        "path_labels": -1,
        "path_speed": -1,
        "path_difference": -1,
        "image_snr": -1,
    },
}

_WARM_UP = 0.2  # share of the epochs that do not count
_NEAR_PX = 8.0  # a detection farther away has nothing to do with the label


def measure(
    labels: pd.DataFrame,
    losses: pd.DataFrame,
    answers: pd.DataFrame,
    tracks: Tracks,
    paths: Tracks,
    images: pd.DataFrame,
) -> pd.DataFrame:
    """All measures of all labels.

    Args:
      labels: Label table that was trained on, with the labels' ids as its index.
      losses: losses.parquet, see dimjax.records.
      answers: answers.parquet; its column label counts the rows of `labels`.
      tracks: Of the detections in the frames of the labels, at all scores.
      paths: Of the labels, from link_labels.
      images: From dimjax.suspects.images, rows as the labels.

    Returns:
      Table with the index of `labels`: the columns of MEASURES, and last_loss (total loss in the
      last epoch, mean of the label's chips: the paper's measure), epochs and track.
    """
    target = (labels.category == "target").to_numpy()
    alone = [
        _dynamics(losses, answers, target),
        _beside_detections(labels, tracks.detections),
        _beside_tracks(labels, tracks.points[tracks.points.confirmed]),
        images.reset_index(drop=True),
    ]
    alone = pd.concat(alone, axis=1)
    along = _along_paths(labels, paths, alone)
    return pd.concat([alone, along], axis=1).set_axis(labels.index)


def link_labels(labels: pd.DataFrame) -> Tracks:
    """The labels of each sequence linked to tracks, as if they were sure detections.

    Their own names of tracks are not looked at: not all annotators give any.
    """
    columns = ["sequence", "frame", "x", "y", "w", "h", "category"]
    return link(labels[columns].assign(score=0.99))


def _dynamics(losses: pd.DataFrame, answers: pd.DataFrame, target: np.ndarray) -> pd.DataFrame:
    """Means over the epochs after the warm-up; AUM (Pleiss et al. 2020) are the two margins."""
    epochs = int(losses.epoch.max()) + 1
    losses = losses.assign(example=losses.groupby("epoch").cumcount())
    answers = answers.merge(losses, on=["epoch", "example"], suffixes=("_logit", "_loss"))
    late = answers[answers.epoch >= min(round(_WARM_UP * epochs), epochs - 1)]
    own = np.where(target[late.label], 1.0, -1.0)
    margin = own * (late.target - late.interference)
    late = late.assign(margin=margin, squared=late.dx**2 + late.dy**2)
    mean = late.groupby("label")[
        ["confidence_logit", "margin", "location", "category", "dx", "dy"]
    ].mean()
    offset = np.hypot(mean.dx, mean.dy)
    squared = late.groupby("label").squared.mean()
    # Of the mean of the epochs, which do not vary independently: a floor keeps it from nothing.
    spread = np.sqrt(np.maximum(squared - offset**2, 0.0)) + 0.2
    last = answers[answers.epoch == epochs - 1].groupby("label").total.mean()
    columns = {
        "confidence_margin": mean.confidence_logit,
        "category_margin": mean.margin,
        "location_loss": mean.location,
        "category_loss": mean.category,
        "offset_px": offset,
        "offset_sigmas": offset / spread,
        "mean_dx": mean.dx,
        "mean_dy": mean.dy,
        "last_loss": last,
        "epochs": late.groupby("label").epoch.nunique(),
    }
    return pd.DataFrame(columns).reindex(range(len(target)))


def _beside_detections(labels: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """The nearest detection of each label, with its strength: anything is near somewhere."""
    score, distance = np.zeros(len(labels)), np.full(len(labels), np.nan)
    other = np.full(len(labels), np.nan)
    for name in labels.sequence.unique():
        mine = np.flatnonzero(labels.sequence == name)
        found = detections[detections.sequence == name]
        # The strongest first would need all pairs; suppression leaves one within some pixels.
        index, apart = nearest(labels.iloc[mine], found, _NEAR_PX)
        near = index >= 0
        mine, there = mine[near], found.iloc[index[near]]
        score[mine], distance[mine] = there.score, apart[near]
        differs = labels.category.iloc[mine].to_numpy() != there.category.to_numpy()
        other[mine] = np.where(differs, 1, -1) * there.score
    # A weak detection says little of where the object is.
    columns = {
        "detection_score": score,
        "detection_px": distance * score,
        "detection_other": other,
    }
    return pd.DataFrame(columns)


def _beside_tracks(labels: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """How the labels agree with confirmed tracks of detections."""
    agreeing = agreement(labels, points)
    hits = points[points.detected].groupby("track").size()
    track = agreeing.track.reset_index(drop=True)
    columns = {
        "track": track,
        "track_px": agreeing.residual_px.to_numpy(),
        "track_sigmas": agreeing.residual_sigmas.to_numpy(),
        "track_other": agreeing.other_share.to_numpy(),
        "track_hits": track.map(hits).fillna(0).to_numpy(float),
    }
    return pd.DataFrame(columns)


def _along_paths(labels: pd.DataFrame, paths: Tracks, alone: pd.DataFrame) -> pd.DataFrame:
    """How each label fits the other labels of its track, and what is known of all of them.

    A false label follows clutter for some frames; an object is seen for long, and mostly moves.
    """
    own = paths.detections.track.reset_index(drop=True)
    target = pd.Series((labels.category == "target").to_numpy(float))
    count, targets = (target.groupby(own).transform(name) for name in ("size", "sum"))
    count = count.where(own != "", 1.0)
    others = np.where(target == 1, count - targets, targets)
    ends = paths.points.groupby("track").agg(
        frames=("frame", np.ptp), across=("x", _travelled), down=("y", _travelled)
    )
    speed = np.hypot(ends.across, ends.down) / np.maximum(ends.frames, 1)
    sign = np.where(target == 1, 1.0, -1.0)
    known = pd.DataFrame(
        {
            "margin": sign * alone.category_margin,
            "difference": alone.image_difference,
        }
    )
    mean = known.groupby(own.where(own != "", "alone " + own.index.astype("str"))).transform("mean")
    columns = {
        "path_margin": sign * mean.margin,
        # Of a mean of so many over the noise: what is dim in each frame is not along its track.
        "path_difference": mean.difference.abs() * np.sqrt(count),
        "path_px": agreement(labels, paths.points).residual_px.to_numpy(),
        "path_other": np.where(count == 1, np.nan, others / np.maximum(count - 1, 1)),
        # Interference is short-lived and still by its nature.
        "path_labels": np.where(target == 1, count, np.nan),
        "path_speed": np.where(target == 1, own.map(speed).fillna(0.0), np.nan),
    }
    return pd.DataFrame(columns)


def _travelled(positions: pd.Series) -> float:
    return positions.iloc[-1] - positions.iloc[0]
