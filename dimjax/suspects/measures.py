"""Evidence that a label is wrong: one column for each measure, one row for each label.

The measures are computed from the record of a training (losses and label outputs of all epochs),
the detections of the trained network and their tracks, the tracks that the labels form, and the
frames. NaN: the measure is not available for the label.

    tracks, label_tracks = link(detections), link_labels(labels)
    table = measure(labels, losses, label_outputs, tracks, label_tracks, frame_evidence)
    table.offset_px                             # offset of the predicted box, mean of the epochs
"""

import numpy as np
import pandas as pd

from dimjax.tracks import Tracks, agreement, nearest

# Kind of error -> measures that indicate it; 1 if high values are suspect, -1 if low ones are.
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

# Columns of the recorded losses that measures and proposals are computed from.
LOSS_COLUMNS = (
    *("epoch", "sequence", "frame", "location", "category", "total"),
    *("peak_score", "peak_x", "peak_y"),
)

_SUMMED = (
    *("confidence_margin", "category_margin", "location_loss", "category_loss"),
    *("mean_dx", "mean_dy", "squared", "total"),
)
_WARM_UP = 0.2  # share of the epochs, the first ones, that are left out
_MIN_SPREAD_PX = 0.2
_NEAR_PX = 8.0  # detections farther away are unrelated to the label


def measure(
    labels: pd.DataFrame,
    losses: pd.DataFrame,
    label_outputs: pd.DataFrame,
    tracks: Tracks,
    label_tracks: Tracks,
    frame_evidence: pd.DataFrame,
) -> pd.DataFrame:
    """Compute all measures of all labels.

    Args:
      labels: Label table that was trained on, ids in the index.
      losses: LOSS_COLUMNS of the recorded losses, see dimjax.training.training_log.
      label_outputs: Recorded outputs at the labels; the column label is the row in `labels`.
      tracks: Tracks of the detections at all scores in the labels' sequences.
      label_tracks: Tracks of the labels, from dimjax.tracks.link_labels.
      frame_evidence: From measure_frames, rows as the labels.

    Returns:
      Table with the index of `labels`: the columns of MEASURES, and last_loss (total loss in the
      last epoch, averaged over the label's chips: the paper's measure), epochs and track.
    """
    is_target = (labels.category == "target").to_numpy()
    single = [
        dynamics(losses, label_outputs, is_target),
        _beside_detections(labels, tracks.detections),
        _beside_tracks(labels, tracks.points[tracks.points.confirmed]),
        frame_evidence.reset_index(drop=True),
    ]
    single = pd.concat(single, axis=1)
    along = _along_label_tracks(labels, label_tracks, single)
    return pd.concat([single, along], axis=1).set_axis(labels.index)


def dynamics(
    losses: pd.DataFrame, label_outputs: pd.DataFrame, is_target: np.ndarray
) -> pd.DataFrame:
    """Average over the epochs after the warm-up; the two margins are the AUM (Pleiss et al. 2020).

    Sums are updated epoch by epoch, so that a long record is never copied as a whole.

    Args:
      losses: Columns epoch (ascending), location, category and total of the recorded losses.
      label_outputs: Recorded outputs; the column label is the row in `is_target`, -1 for none.
      is_target: [N] bool, category of each label.

    Returns:
      N rows, NaN for a label without a chip.
    """
    epochs, size = int(losses.epoch.max()) + 1, len(is_target)
    sums, chips, recorded = np.zeros((len(_SUMMED), size)), np.zeros(size), np.zeros(size)
    for epoch in range(min(round(_WARM_UP * epochs), epochs - 1), epochs):
        outputs = _epoch_rows(label_outputs, epoch)
        outputs = outputs[outputs.label >= 0]
        label = outputs.label.to_numpy()
        chip_losses = _epoch_rows(losses, epoch).iloc[outputs.example]
        values = _summands(chip_losses, outputs, is_target[label])
        added = np.stack([np.bincount(label, value, size) for value in values])
        count = np.bincount(label, minlength=size)
        sums, chips, recorded = sums + added, chips + count, recorded + (count > 0)
    with np.errstate(invalid="ignore"):  # 0 / 0 for a label without a chip
        mean, last = dict(zip(_SUMMED, sums / chips, strict=True)), added[-1] / count
    offset = np.hypot(mean["mean_dx"], mean["mean_dy"])
    # The offsets of successive epochs are correlated: their spread is too small without a floor.
    spread = np.sqrt(np.maximum(mean.pop("squared") - offset**2, 0.0)) + _MIN_SPREAD_PX
    del mean["total"]  # the paper's measure is that of the last epoch alone
    mean |= {"offset_px": offset, "offset_sigmas": offset / spread, "last_loss": last}
    return pd.DataFrame({**mean, "epochs": np.where(recorded, recorded, np.nan)})


def _epoch_rows(table: pd.DataFrame, epoch: int) -> pd.DataFrame:
    return table.iloc[slice(*np.searchsorted(table.epoch.to_numpy(), (epoch, epoch + 1)))]


def _summands(losses: pd.DataFrame, outputs: pd.DataFrame, is_target: np.ndarray) -> tuple:
    """Values of _SUMMED for each row of `outputs`."""
    margin = np.where(is_target, 1.0, -1.0) * (outputs.target - outputs.interference).to_numpy()
    parts = (losses[name].to_numpy() for name in ("location", "category"))
    squared = outputs.dx**2 + outputs.dy**2
    total = losses.total.to_numpy()
    return outputs.confidence, margin, *parts, outputs.dx, outputs.dy, squared, total


def _beside_detections(labels: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """The nearest detection of each label, weighted by its score: weak ones are everywhere.

    The nearest and not the strongest one is taken: suppression leaves one within a few pixels.
    """
    score, distance = np.zeros(len(labels)), np.full(len(labels), np.nan)
    other = np.full(len(labels), np.nan)
    index, apart = nearest(labels, detections, _NEAR_PX)
    near = index >= 0
    detection = detections.iloc[index[near]]
    score[near], distance[near] = detection.score, apart[near]
    differs = labels.category.to_numpy()[near] != detection.category.to_numpy()
    other[near] = np.where(differs, 1, -1) * detection.score
    columns = {
        "detection_score": score,
        "detection_px": distance * score,
        "detection_other": other,
    }
    return pd.DataFrame(columns)


def _beside_tracks(labels: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Agreement of the labels with confirmed tracks of detections."""
    agreeing = agreement(labels, points)
    hits = points[points.detected].groupby("track").size()
    track = agreeing.track.reset_index(drop=True)
    columns = {
        "track": track,
        "track_px": agreeing.residual_px.to_numpy(),
        "track_sigmas": agreeing.residual_sigmas.to_numpy(),
        "track_other": agreeing.other_probability.to_numpy(),
        "track_reason": agreeing.reason.to_numpy(object),
        "track_hits": track.map(hits).fillna(0).to_numpy(float),
    }
    return pd.DataFrame(columns)


def _along_label_tracks(
    labels: pd.DataFrame, label_tracks: Tracks, single: pd.DataFrame
) -> pd.DataFrame:
    """Agreement of each label with the other labels of its track, and means along the track.

    False labels follow clutter for a few frames; an object is visible for longer, and mostly moves.
    """
    track = label_tracks.detections.track.reset_index(drop=True)
    target = pd.Series((labels.category == "target").to_numpy(float))
    count, targets = (target.groupby(track).transform(name) for name in ("size", "sum"))
    count = count.where(track != "", 1.0)
    others = np.where(target == 1, count - targets, targets)
    speed = _speeds(label_tracks.points)
    sign = np.where(target == 1, 1.0, -1.0)
    values = {"margin": sign * single.category_margin, "difference": single.image_difference}
    group = track.where(track != "", "single " + track.index.astype("str"))
    mean = pd.DataFrame(values).groupby(group).transform("mean")
    columns = {
        "path_margin": sign * mean.margin,
        # Averaging over the track lowers the noise: a target too dim in a frame stands out here.
        "path_difference": mean.difference.abs() * np.sqrt(count),
        "path_px": agreement(labels, label_tracks.points).residual_px.to_numpy(),
        "path_other": np.where(count == 1, np.nan, others / np.maximum(count - 1, 1)),
        # Interference is short-lived and still by nature.
        "path_labels": np.where(target == 1, count, np.nan),
        "path_speed": np.where(target == 1, track.map(speed).fillna(0.0), np.nan),
    }
    return pd.DataFrame(columns)


def _speeds(points: pd.DataFrame) -> pd.Series:
    """Distance from the first to the last point of each track over its frames, pixels a frame."""
    ends = points.groupby("track").agg(
        frames=("frame", np.ptp), across=("x", _displacement), down=("y", _displacement)
    )
    return np.hypot(ends.across, ends.down) / np.maximum(ends.frames, 1)


def _displacement(positions: pd.Series) -> float:
    return positions.iloc[-1] - positions.iloc[0]
