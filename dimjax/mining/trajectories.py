"""Tracks as review items: the unlabelled frames of a trajectory are one item.

for decision in judge_tracks(view, names, settings):        # view: a View of one sequence
    decision.item, decision.rejection_reason
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.ledger.values import Change, Item, ItemFrame
from dimjax.mining.settings import MiningConfig
from dimjax.tracks import nearest

_EVEN_RATIO = 10.0  # log-likelihood ratio of a track with probability 1/2
_LEAVING_FRAMES = 3  # a track that would be outside after this many frames has left the frame
_MAX_LISTED = 8  # frames in a reason
_MOSTLY_INTERFERENCE = "most of them are of interference"
_RIM_PX = 0.01  # smallest distance of a label from the right and lower border


class View(NamedTuple):
    """The detections, tracks and labels of one sequence."""

    name: str
    shape: tuple[int, int, int]  # T, H, W
    detections: pd.DataFrame  # from link
    points: pd.DataFrame  # from link
    labels: pd.DataFrame


class TrackDecision(NamedTuple):
    """The decision on one track."""

    track: str
    rejection_reason: str  # why it may not be a target, "" if it surely is one
    item: Item | None  # None: there is nothing to review


def judge_tracks(view: View, names: Iterator[str], settings: MiningConfig) -> list[TrackDecision]:
    """Decide on each track of a sequence, in their order; new label tracks take the next names."""
    tracks = _with_details(view, settings).groupby("track", sort=False)
    return [_judge(points, view, names, settings) for _, points in tracks]


def probability_of(log_likelihood_ratio: float) -> float:
    """Probability of a track, E / (E + 10) with its log-likelihood ratio E, 0 if E is negative."""
    positive = max(log_likelihood_ratio, 0.0)
    return positive / (positive + _EVEN_RATIO)


def new_label(row: NamedTuple, category: str, track: str) -> ItemFrame:
    """Suggest a new label in a frame; row has sequence, frame, x, y, w, h."""
    box = (row.x, row.y, row.w, row.h)
    fix = Change(None, row.sequence, row.frame, *box, category, track)
    return ItemFrame(row.frame, row.x, row.y, None, fix)


def _with_details(view: View, settings: MiningConfig) -> pd.DataFrame:
    """Track points inside the frame, with the category of their detections and nearby labels."""
    linked = view.detections[view.detections.track != ""].set_index(["track", "frame"])
    categories = linked.category.rename("detection_category")
    points = view.points.join(categories, on=["track", "frame"])
    _, height, width = view.shape
    x, y = points.x.clip(0, width - _RIM_PX), points.y.clip(0, height - _RIM_PX)
    inside = (x == points.x) & (y == points.y) | points.detected
    points = points.assign(x=x, y=y)[inside]
    index, _ = nearest(points, view.labels, settings.match_px)
    return points.assign(
        labelled=index >= 0,
        label_track=np.append(view.labels.track.to_numpy(object), "")[index],
        label_category=np.append(view.labels.category.to_numpy(object), "")[index],
    )


def _judge(
    points: pd.DataFrame, view: View, names: Iterator[str], settings: MiningConfig
) -> TrackDecision:
    """Decide on the track with these points."""
    first = points.iloc[0]
    rejection_reason = _rejection_reason(points, view.shape, settings)
    category = _category(points, settings)
    label_track = points.label_track[points.label_track != ""].mode().tolist()
    unlabelled = _unlabelled(points, category, label_track, view.labels)
    if unlabelled.empty:
        return TrackDecision(first.track, rejection_reason, None)
    track = label_track[0] if label_track else next(names)
    frames = tuple(new_label(row, category, track) for row in unlabelled.itertuples())
    kind = "unlabelled_target" if unlabelled.strong.all() else "miss"
    kind = kind if category == CATEGORIES[0] else "false_alarm"
    ratio = float(first.log_likelihood_ratio)
    probability = probability_of(ratio) * (0.5 if rejection_reason else 1.0)
    reason = _reason(points, rejection_reason)
    item = Item(kind, view.name, probability, reason, frames, ratio)
    return TrackDecision(first.track, rejection_reason, item)


def _unlabelled(
    points: pd.DataFrame, category: str, label_track: list[str], labels: pd.DataFrame
) -> pd.DataFrame:
    """Points of a track that need a label."""
    points = points[~points.labelled]
    if category != CATEGORIES[0]:  # of interference, only detections as a target matter
        points = points[points.strong & (points.detection_category == CATEGORIES[0])]
    if label_track:  # a frame has its label even if that lies too far off the track
        same_track = labels[labels.track == label_track[0]]
        points = points[~points.frame.isin(same_track.frame)]
    return points


def _category(points: pd.DataFrame, settings: MiningConfig) -> str:
    """Category of the labels, else of the detections; an unlabelled still track is interference."""
    labelled = points.label_category[points.labelled].mode().tolist()
    if labelled:
        return labelled[0]
    return CATEGORIES[1] if _still(points, settings) else points.category.iloc[0]


def _rejection_reason(
    points: pd.DataFrame, shape: tuple[int, int, int], settings: MiningConfig
) -> str:
    """Why a track may not be a target, "" if it surely is one."""
    first = points.iloc[0]
    if points.labelled.mean() >= settings.labelled_share:
        return ""
    if first.category != CATEGORIES[0]:
        return f"interference: {first.reason}" if first.reason else _MOSTLY_INTERFERENCE
    if _still(points, settings):
        return "it stands still, as interference does"
    if not first.confirmed:
        return "they may lie on it by chance"
    if points.strong.sum() <= settings.few_hits:
        return "they are few"
    if len(points) <= settings.short_frames and _begins_and_ends_inside(points, shape):
        return "it begins and ends in the middle of the frame"
    return ""


def _still(points: pd.DataFrame, settings: MiningConfig) -> bool:
    """Whether a track stands still in the frame, or against the background."""
    ends = points[["x", "y"]].to_numpy()[[0, -1]]
    moved = np.hypot(*(ends[1] - ends[0]))
    drifted = np.hypot(*points[["vx", "vy"]].mean()) * (len(points) - 1)
    return bool(min(moved, drifted) < settings.still_px)


def _begins_and_ends_inside(points: pd.DataFrame, shape: tuple[int, int, int]) -> bool:
    """Whether neither the frame's border nor the sequence's ends explain both ends of a track."""
    ends = points.iloc[[0, -1]]
    location = ends[["frame", "y", "x"]].to_numpy(float)
    velocity = np.column_stack([[1, 1], ends.vy, ends.vx])
    before_and_after = location + _LEAVING_FRAMES * velocity * [[-1], [1]]
    return bool(((before_and_after >= 0) & (before_and_after < shape)).all())


def _reason(points: pd.DataFrame, rejection_reason: str) -> str:
    missing = points.frame[~points.strong].tolist()
    hits = int(points.strong.sum())
    text = f"{hits} detection{'s' if hits != 1 else ''} on one path over {len(points)} frames"
    if missing:
        listed = ", ".join(map(str, missing[:_MAX_LISTED]))
        more = f" and {len(missing) - _MAX_LISTED} more" if len(missing) > _MAX_LISTED else ""
        text += f"; frame{'s' if len(missing) > 1 else ''} {listed}{more} without one"
    first = points.iloc[0]
    because = rejection_reason or (first.reason and f"{first.category}: {first.reason}")
    return f"{text}; {because}" if because else text
