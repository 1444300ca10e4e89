"""Suspects as review items: errors of one track in neighbouring frames become one item.

items = to_items(chosen, labels, measures, proposals, points, shapes, match_px=3.0)
ledger.add_items(db, items, stage="refine")
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dimjax.data.labels import OPPOSITE
from dimjax.ledger.values import Change, Item, ItemFrame

_RIM_PX = 0.01  # smallest distance of a fix from the right and lower border: it is rounded
_RUN_GAP_FRAMES = 4  # suspects of one track at most this far apart are one item
MIN_MOVE = 0.25  # of match_px; a smaller suggested move is not worth a decision
_AXES = (("x", 2), ("y", 1))  # axis and its position in T, H, W


def to_items(
    chosen: pd.DataFrame,
    labels: pd.DataFrame,
    measures: pd.DataFrame,
    proposals: pd.DataFrame,
    points: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    match_px: float,
) -> list[Item]:
    """Make review items of suspects.

    Suggestions to move labels by less than a quarter of match_px in all frames are left out.

    Args:
      chosen: Rows of dimjax.suspects.rank, at most one for each label; no planted errors.
      labels: Label table; its index holds the ids of the ledger.
      measures: From dimjax.suspects.measure, rows as the labels.
      proposals: The proposals that were ranked.
      points: Confirmed track points, for better positions.
      shapes: T, H, W of each sequence: every fix lies inside.
      match_px: Matching radius.

    Returns:
      Items, the most probable first, each with the suggested fix in every frame and the reason in
      words.
    """
    rows = pd.concat(
        [
            _label_rows(chosen[chosen.label > 0], labels, measures, points, shapes),
            _proposal_rows(chosen[chosen.label == 0], proposals, shapes),
        ]
    )
    rows = rows.sort_values(["sequence", "kind", "track", "frame"], ignore_index=True)
    same = rows[["sequence", "kind", "track"]] == rows[["sequence", "kind", "track"]].shift()
    same = same.all(axis=1) & (rows.track != "")
    close = rows.frame.diff().between(1, _RUN_GAP_FRAMES)
    runs = [run for _, run in rows.groupby((~(same & close)).cumsum())]
    items = [_item(run) for run in runs if _largest_move(run) >= MIN_MOVE * match_px]
    return sorted(items, key=lambda item: -item.probability)


def _label_rows(chosen, labels, measures, points, shapes) -> pd.DataFrame:
    """Suspect labels with their measures, and with better_x, better_y."""
    labels = labels.iloc[chosen.row].reset_index(drop=True)
    measures = measures.iloc[chosen.row].reset_index(drop=True)
    table = pd.concat([chosen.reset_index(drop=True), labels[["x", "y", "category"]]], axis=1)
    table = pd.concat([table, measures.drop(columns="track")], axis=1)
    table["track"] = labels.track.where(labels.track != "", measures.track)
    positions = points.drop_duplicates(["track", "frame"]).set_index(["track", "frame"])[["x", "y"]]
    keys = pd.MultiIndex.from_arrays([measures.track, labels.frame])
    on_track = positions.reindex(keys).reset_index(drop=True)
    for axis, side in _AXES:
        # The track is the most accurate, then the mean of the epochs, then the peak in the frames.
        offset = measures[f"mean_d{axis}"].fillna(measures[f"image_d{axis}"])
        better = on_track[axis].fillna(labels[axis] + offset)
        table[f"better_{axis}"] = _inside(better, labels.sequence, shapes, side)
    return table


def _proposal_rows(chosen, proposals, shapes) -> pd.DataFrame:
    """Suspect proposals with their measures."""
    proposals = proposals.iloc[chosen.row].reset_index(drop=True)
    columns = ["x", "y", "w", "h", "track", "track_hits", "labelled_share", "gap", "peak_score"]
    table = pd.concat([chosen.reset_index(drop=True), proposals[columns]], axis=1)
    position = {
        axis: _inside(proposals[axis], proposals.sequence, shapes, side) for axis, side in _AXES
    }
    return table.assign(detection=proposals.score, **position)


def _inside(values: pd.Series, sequences: pd.Series, shapes, side: int) -> pd.Series:
    """Clip coordinates to their frames, so far inside that rounding does not move them out."""
    limit = np.array([shapes[name][side] for name in sequences], float)
    return values.clip(0.0, limit - _RIM_PX)


def _item(run: pd.DataFrame) -> Item:
    """Make one item of suspects of one kind in neighbouring frames of a track."""
    first = run.iloc[0]
    reason = _REASONS[first.kind](run)
    if len(run) > 1:
        reason += f"; {len(run)} frames of one track"
    frames = tuple(
        ItemFrame(int(row.frame), float(row.x), float(row.y), int(row.label) or None, _fix(row))
        for row in run.itertuples()
    )
    probability, score = float(run.probability.mean()), float(run.score.mean())
    return Item(first.kind, first.sequence, probability, reason, frames, score)


def _largest_move(run: pd.DataFrame) -> float:
    """Longest of the suggested moves of labels, infinite for other suggestions, pixels."""
    if run.kind.iloc[0] != "wrong_position":
        return np.inf
    return np.hypot(run.better_x - run.x, run.better_y - run.y).max()


def _fix(row) -> Change:
    if row.kind == "labelled_background":
        return Change(label=int(row.label), removed=True)
    if row.kind == "wrong_category":
        return Change(label=int(row.label), category=OPPOSITE[row.category])
    if row.kind == "wrong_position":
        return Change(label=int(row.label), x=round(row.better_x, 2), y=round(row.better_y, 2))
    box = (round(float(value), 2) for value in (row.x, row.y, row.w, row.h))
    return Change(None, row.sequence, int(row.frame), *box, "target", row.track or None)


def _wrong_position(run: pd.DataFrame) -> str:
    reasons = []
    if run.track_px.notna().any():
        hits = int(run.track_hits.median())
        reasons.append(f"{run.track_px.median():.1f} px from a track of {hits} detections")
    if run.offset_px.notna().any():
        epochs = int(run.epochs.median())
        reasons.append(
            f"{run.offset_px.median():.1f} px from the mean prediction of {epochs} epochs"
        )
    return " and ".join(reasons) or "the peak in the frames lies beside it"


def _wrong_category(run: pd.DataFrame) -> str:
    category = run.category.iloc[0]
    other = OPPOSITE[category]
    reasons = []
    if run.category_margin.notna().any():
        epochs = int(run.epochs.median())
        prediction = other if run.category_margin.median() < 0 else f"hardly {category}"
        reasons.append(f"the mean prediction of {epochs} epochs is {prediction}")
    if run.track_other.notna().any():
        reasons.append(_track_category(run, other))
    if run.path_other.gt(0).any():
        reasons.append(f"{run.path_other.median():.0%} of its other labels are {other}")
    return ", and ".join(reasons) or f"the detection there is {other}"


def _track_category(run: pd.DataFrame, other: str) -> str:
    """The category of the track of a label in words, with its reason if there is a model of it."""
    probability = run.track_other.median()
    reason = run.track_reason.mode().iloc[0]
    if not reason:
        return f"{probability:.0%} of its track is {other}"
    text = f"its track is {other} with a probability of {probability:.0%}"
    return f"{text}: {reason}" if probability >= 0.5 else text


def _labelled_background(run: pd.DataFrame) -> str:
    reasons = [f"{run.image_snr.median():.1f} sigmas in the frames"]
    if (run.track_hits == 0).all():
        reasons.append("on no track")
    if run.confidence_margin.notna().any():
        confidence = 1 / (1 + np.exp(-run.confidence_margin.median()))
        epochs = int(run.epochs.median())
        reasons.append(f"a mean confidence of {confidence:.2f} over {epochs} epochs")
    return ", ".join(reasons)


def _unlabelled_target(run: pd.DataFrame) -> str:
    hits = int(run.track_hits.median())
    if run.gap.gt(0).all():
        return f"a gap between {hits} labels of one track"
    reasons = [f"detected with score {run.detection.median():.2f}"]
    if hits:
        share = run.labelled_share.median()
        reasons.append(f"on a track of {hits} detections, {share:.0%} of it labelled")
    if run.peak_score.notna().any():
        reasons.append(f"detected in training with confidence {run.peak_score.median():.2f}")
    return ", ".join(reasons)


_REASONS = {
    "wrong_position": _wrong_position,
    "wrong_category": _wrong_category,
    "labelled_background": _labelled_background,
    "unlabelled_target": _unlabelled_target,
}
