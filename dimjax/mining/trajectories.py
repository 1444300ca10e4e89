"""Tracks as review items: what no label says yet of a trajectory is one item.

for verdict in judge(view, names, settings):        # view: a View of one sequence
    verdict.item, verdict.doubt
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.ledger.values import Change, Item, Place
from dimjax.mining.settings import Mining
from dimjax.tracks import nearest

_HALF_EVIDENCE = 10.0  # of a track that is as likely right as wrong
_LEAVING_FRAMES = 3  # a track that would be outside so soon has left
_MOST_LISTED = 8  # frames in a reason
_RIM_PX = 0.01  # a place is at least that far from the right and lower border


class View(NamedTuple):
    """All that is known of one sequence."""

    name: str
    shape: tuple[int, int, int]  # T, H, W
    detections: pd.DataFrame  # as link gives them
    points: pd.DataFrame  # as link gives them
    labels: pd.DataFrame


class Verdict(NamedTuple):
    """What is thought of one track."""

    track: str
    doubt: str  # why it may be none of a target, "" if it surely is one
    item: Item | None  # None: nothing is to be asked


def judge(view: View, names: Iterator[str], settings: Mining) -> list[Verdict]:
    """A verdict on each track of a sequence, in their order; new tracks take the next names."""
    tracks = _with_details(view, settings).groupby("track", sort=False)
    return [_verdict(own, view, names, settings) for _, own in tracks]


def probability_of(evidence: float) -> float:
    """Probability of a track, E / (E + 10) with its evidence E, 0 where that is below 0."""
    return max(evidence, 0.0) / (max(evidence, 0.0) + _HALF_EVIDENCE)


def new_label(row: NamedTuple, category: str, track: str) -> Place:
    """The place of a new label; row gives sequence, frame, x, y, w, h."""
    box = (row.x, row.y, row.w, row.h)
    fix = Change(None, row.sequence, row.frame, *box, category, track)
    return Place(row.frame, row.x, row.y, None, fix)


def _with_details(view: View, settings: Mining) -> pd.DataFrame:
    """The points in the frame, with what their detections are called and the labels near them."""
    linked = view.detections[view.detections.track != ""].set_index(["track", "frame"])
    points = view.points.join(linked.category.rename("called"), on=["track", "frame"])
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


def _verdict(own: pd.DataFrame, view: View, names: Iterator[str], settings: Mining) -> Verdict:
    first = own.iloc[0]
    doubt, category = _doubt(own, view.shape, settings), _category(own, settings)
    label_track = own.label_track[own.label_track != ""].mode().tolist()
    asked = own[~own.labelled]
    if category != CATEGORIES[0]:  # of interference, only what is called a target matters
        asked = asked[asked.strong & (asked.called == CATEGORIES[0])]
    if label_track:  # a label of this track that lies too far off is there all the same
        same = view.labels[view.labels.track == label_track[0]]
        asked = asked[~asked.frame.isin(same.frame)]
    if asked.empty:
        return Verdict(first.track, doubt, None)
    track = label_track[0] if label_track else next(names)
    places = tuple(new_label(row, category, track) for row in asked.itertuples())
    kind = "unlabelled_target" if asked.strong.all() else "miss"
    kind = kind if category == CATEGORIES[0] else "false_alarm"
    evidence = float(first.evidence)
    probability = probability_of(evidence) * (0.5 if doubt else 1.0)
    item = Item(kind, view.name, probability, _reason(own, doubt), places, evidence)
    return Verdict(first.track, doubt, item)


def _category(own: pd.DataFrame, settings: Mining) -> str:
    """What the labels say, else the detections; but what stands still is interference."""
    said = own.label_category[own.labelled].mode().tolist()
    if said:
        return said[0]
    return CATEGORIES[1] if _still(own, settings) else own.category.iloc[0]


def _doubt(own: pd.DataFrame, shape: tuple[int, int, int], settings: Mining) -> str:
    """Why a track may not be one of a target, "" if it is surely one."""
    first = own.iloc[0]
    if own.labelled.mean() >= settings.labelled_share:
        return ""
    if first.category != CATEGORIES[0]:
        return "most of them are of interference"
    if _still(own, settings):
        return "it stands still, as interference does"
    if not first.confirmed:
        return "they may lie on it by chance"
    if own.strong.sum() <= settings.few_hits:
        return "they are few"
    if len(own) <= settings.short_frames and _begins_and_ends_inside(own, shape):
        return "it begins and ends in the middle of the frame"
    return ""


def _still(own: pd.DataFrame, settings: Mining) -> bool:
    """Whether a track stands still in the frame, or against the background."""
    ends = own[["x", "y"]].to_numpy()[[0, -1]]
    moved = np.hypot(*(ends[1] - ends[0]))
    drifted = np.hypot(*own[["vx", "vy"]].mean()) * (len(own) - 1)
    return bool(min(moved, drifted) < settings.still_px)


def _begins_and_ends_inside(own: pd.DataFrame, shape: tuple[int, int, int]) -> bool:
    """Whether neither the frame's border nor the sequence's ends explain both ends of a track."""
    ends = own.iloc[[0, -1]]
    place = ends[["frame", "y", "x"]].to_numpy(float)
    pace = np.column_stack([[1, 1], ends.vy, ends.vx])
    before_and_after = place + _LEAVING_FRAMES * pace * [[-1], [1]]
    return bool(((before_and_after >= 0) & (before_and_after < shape)).all())


def _reason(own: pd.DataFrame, doubt: str) -> str:
    lacking = own.frame[~own.strong].tolist()
    hits = int(own.strong.sum())
    text = f"{hits} detection{'s' if hits != 1 else ''} on one path over {len(own)} frames"
    if lacking:
        listed = ", ".join(map(str, lacking[:_MOST_LISTED]))
        more = f" and {len(lacking) - _MOST_LISTED} more" if len(lacking) > _MOST_LISTED else ""
        text += f"; frame{'s' if len(lacking) > 1 else ''} {listed}{more} without one"
    return f"{text}; {doubt}" if doubt else text
