"""What speaks against a label: one column for each measure, one row for each label.

In come the labels, the record of a training (losses and answers of all epochs), the tracks of what
the trained network detects in the labels' sequences, the tracks of the labels themselves, and what
the frames show. NaN says that a measure knows nothing of a label.

    table = measure(labels, losses, answers, link(detections), link_labels(labels), images)
    table.offset_px                             # how far away the network put it, mean of epochs
"""

import numpy as np
import pandas as pd

from dimjax.tracks import Shifts, Tracks, agreement, link, nearest

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

# Columns of losses.parquet that measures and proposals are made of.
LOSS_COLUMNS = (
    *("epoch", "sequence", "frame", "location", "category", "total"),
    *("stray_score", "stray_x", "stray_y"),
)

_SUMMED = (
    *("confidence_margin", "category_margin", "location_loss", "category_loss"),
    *("mean_dx", "mean_dy", "squared", "total"),
)
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
      losses: LOSS_COLUMNS of losses.parquet, see dimjax.training.records.
      answers: answers.parquet; its column label counts the rows of `labels`.
      tracks: Of the detections in the frames of the labels, at all scores.
      paths: Of the labels, from link_labels.
      images: From dimjax.suspects.frame_evidence, rows as the labels.

    Returns:
      Table with the index of `labels`: the columns of MEASURES, and last_loss (total loss in the
      last epoch, mean of the label's chips: the paper's measure), epochs and track.
    """
    target = (labels.category == "target").to_numpy()
    alone = [
        dynamics(losses, answers, target),
        _beside_detections(labels, tracks.detections),
        _beside_tracks(labels, tracks.points[tracks.points.confirmed]),
        images.reset_index(drop=True),
    ]
    alone = pd.concat(alone, axis=1)
    along = _along_paths(labels, paths, alone)
    return pd.concat([alone, along], axis=1).set_axis(labels.index)


def link_labels(labels: pd.DataFrame, shifts: Shifts | None = None) -> Tracks:
    """The labels of each sequence linked to tracks, as if they were sure detections.

    Their own names of tracks are not looked at: not all annotators give any.
    """
    columns = ["sequence", "frame", "x", "y", "w", "h", "category"]
    return link(labels[columns].assign(score=0.99), shifts=shifts)


def dynamics(losses: pd.DataFrame, answers: pd.DataFrame, target: np.ndarray) -> pd.DataFrame:
    """Means over the epochs after the warm-up; AUM (Pleiss et al. 2020) are the two margins.

    Epoch by epoch is added up, so that nothing of a long record is held twice.

    Args:
      losses: Columns epoch (rising), location, category and total of losses.parquet.
      answers: answers.parquet; its column label counts the rows of `target`, -1 is none.
      target: [N] bool, whether each label is a target.

    Returns:
      N rows, NaN where a label is in no chip.
    """
    epochs, size = int(losses.epoch.max()) + 1, len(target)
    sums, chips, seen = np.zeros((len(_SUMMED), size)), np.zeros(size), np.zeros(size)
    for epoch in range(min(round(_WARM_UP * epochs), epochs - 1), epochs):
        said = _of_epoch(answers, epoch)
        said = said[said.label >= 0]
        label = said.label.to_numpy()
        values = _to_sum(_of_epoch(losses, epoch).iloc[said.example], said, target[label])
        added = np.stack([np.bincount(label, own, size) for own in values])
        count = np.bincount(label, minlength=size)
        sums, chips, seen = sums + added, chips + count, seen + (count > 0)
    with np.errstate(invalid="ignore"):  # 0 / 0 where there is none
        mean, last = dict(zip(_SUMMED, sums / chips, strict=True)), added[-1] / count
    offset = np.hypot(mean["mean_dx"], mean["mean_dy"])
    # Of the mean of the epochs, which do not vary independently: a floor keeps it from nothing.
    spread = np.sqrt(np.maximum(mean.pop("squared") - offset**2, 0.0)) + 0.2
    del mean["total"]  # only its last epoch counts: the paper's measure
    mean |= {"offset_px": offset, "offset_sigmas": offset / spread, "last_loss": last}
    return pd.DataFrame({**mean, "epochs": np.where(seen, seen, np.nan)})


def _of_epoch(table: pd.DataFrame, epoch: int) -> pd.DataFrame:
    return table.iloc[slice(*np.searchsorted(table.epoch.to_numpy(), (epoch, epoch + 1)))]


def _to_sum(losses: pd.DataFrame, said: pd.DataFrame, target: np.ndarray) -> tuple:
    """The values of _SUMMED, rows as the answers."""
    margin = np.where(target, 1.0, -1.0) * (said.target - said.interference).to_numpy()
    parts = (losses[name].to_numpy() for name in ("location", "category"))
    squared = said.dx**2 + said.dy**2
    return said.confidence, margin, *parts, said.dx, said.dy, squared, losses.total.to_numpy()


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
