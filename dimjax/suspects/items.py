"""Suspects as review items: errors of one track in neighbouring frames become one item.

items = to_items(chosen, labels, measures, proposals, points, shapes)  # chosen: rows of `rank`
ledger.add_items(book, items, stage="refine")
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dimjax.ledger.values import Change, Item, Place

_RIM_PX = 0.01  # a fix is at least that far from the right and lower border: it is rounded
_SAME_RUN_FRAMES = 4  # suspects of one track that lie no farther apart are one item
_SIDES = (("x", 2), ("y", 1))  # axis and its place in T, H, W
_OTHER = {"target": "interference", "interference": "target"}


def to_items(
    chosen: pd.DataFrame,
    labels: pd.DataFrame,
    measures: pd.DataFrame,
    proposals: pd.DataFrame,
    points: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
) -> list[Item]:
    """Review items of the chosen suspects, the most probable first.

    Args:
      chosen: Rows of dimjax.suspects.rank, one for each label at most; no planted ones.
      labels: Label table; its index holds the ids of the ledger.
      measures: Rows as the labels.
      proposals: As they were ranked.
      points: Confirmed track points, for better positions.
      shapes: T, H, W of each sequence: no fix lies outside.

    Returns:
      Items, each with the suggested fix of every place and the reason in words.
    """
    places = pd.concat(
        [
            _label_places(chosen[chosen.label > 0], labels, measures, points, shapes),
            _proposal_places(chosen[chosen.label == 0], proposals, shapes),
        ]
    )
    places = places.sort_values(["sequence", "kind", "track", "frame"], ignore_index=True)
    same = places[["sequence", "kind", "track"]] == places[["sequence", "kind", "track"]].shift()
    same = same.all(axis=1) & (places.track != "")
    near = places.frame.diff().between(1, _SAME_RUN_FRAMES)
    items = [_item(run) for _, run in places.groupby((~(same & near)).cumsum())]
    return sorted(items, key=lambda item: -item.probability)


def _label_places(chosen, labels, measures, points, shapes) -> pd.DataFrame:
    own = labels.iloc[chosen.row].reset_index(drop=True)
    said = measures.iloc[chosen.row].reset_index(drop=True)
    table = pd.concat([chosen.reset_index(drop=True), own[["x", "y", "category"]]], axis=1)
    table = pd.concat([table, said.drop(columns="track")], axis=1)
    table["track"] = own.track.where(own.track != "", said.track)
    at = points.drop_duplicates(["track", "frame"]).set_index(["track", "frame"])[["x", "y"]]
    there = at.reindex(pd.MultiIndex.from_arrays([said.track, own.frame])).reset_index(drop=True)
    for axis, side in _SIDES:
        # The track knows best, then the epochs; what the frames show is all that is left.
        seen = said[f"mean_d{axis}"].fillna(said[f"image_d{axis}"])
        better = there[axis].fillna(own[axis] + seen)
        table[f"better_{axis}"] = _inside(better, own.sequence, shapes, side)
    return table


def _proposal_places(chosen, proposals, shapes) -> pd.DataFrame:
    own = proposals.iloc[chosen.row].reset_index(drop=True)
    columns = ["x", "y", "w", "h", "track", "track_hits", "labelled_share", "gap", "stray"]
    table = pd.concat([chosen.reset_index(drop=True), own[columns]], axis=1)
    place = {axis: _inside(own[axis], own.sequence, shapes, side) for axis, side in _SIDES}
    return table.assign(detection=own.score, **place)


def _inside(values: pd.Series, sequences: pd.Series, shapes, side: int) -> pd.Series:
    """Coordinates moved so far into their frames that rounding does not put them out again."""
    most = np.array([shapes[name][side] for name in sequences], float)
    return values.clip(0.0, most - _RIM_PX)


def _item(run: pd.DataFrame) -> Item:
    first = run.iloc[0]
    reason = _REASONS[first.kind](run)
    if len(run) > 1:
        reason += f"; {len(run)} frames of one track"
    places = tuple(
        Place(int(row.frame), float(row.x), float(row.y), _label_of(row), _fix(row))
        for row in run.itertuples()
    )
    probability, score = float(run.probability.mean()), float(run.score.mean())
    return Item(first.kind, first.sequence, probability, reason, places, score)


def _label_of(row) -> int | None:
    return int(row.label) or None


def _fix(row) -> Change | None:
    if row.kind == "labelled_background":
        return Change(label=int(row.label), removed=True)
    if row.kind == "wrong_category":
        return Change(label=int(row.label), category=_OTHER[row.category])
    if row.kind == "wrong_position":
        return Change(label=int(row.label), x=round(row.better_x, 2), y=round(row.better_y, 2))
    box = (round(float(value), 2) for value in (row.x, row.y, row.w, row.h))
    return Change(None, row.sequence, int(row.frame), *box, "target", row.track or None)


def _wrong_position(run: pd.DataFrame) -> str:
    said = []
    if run.track_px.notna().any():
        hits = int(run.track_hits.median())
        said.append(f"{run.track_px.median():.1f} px from a track of {hits} detections")
    if run.offset_px.notna().any():
        epochs = int(run.epochs.median())
        said.append(f"{run.offset_px.median():.1f} px from where {epochs} epochs put it")
    return " and ".join(said) or "the frames show something beside it"


def _wrong_category(run: pd.DataFrame) -> str:
    other = _OTHER[run.category.iloc[0]]
    said = []
    if run.category_margin.notna().any():
        given = run.category.iloc[0]
        says = f"says {other}" if run.category_margin.median() < 0 else f"hardly says {given}"
        said.append(f"the mean of {int(run.epochs.median())} epochs {says}")
    if run.track_other.notna().any():
        said.append(f"{run.track_other.median():.0%} of its track says {other}")
    if run.path_other.gt(0).any():
        said.append(f"{run.path_other.median():.0%} of its other labels say {other}")
    return ", and ".join(said) or f"the detection there says {other}"


def _labelled_background(run: pd.DataFrame) -> str:
    said = [f"{run.image_snr.median():.1f} sigmas in the frames"]
    if (run.track_hits == 0).all():
        said.append("on no track")
    if run.confidence_margin.notna().any():
        sure = 1 / (1 + np.exp(-run.confidence_margin.median()))
        said.append(f"a mean confidence of {sure:.2f} over {int(run.epochs.median())} epochs")
    return ", ".join(said)


def _unlabelled_target(run: pd.DataFrame) -> str:
    hits = int(run.track_hits.median())
    if run.gap.gt(0).all():
        return f"a gap between {hits} labels of one track"
    said = [f"detected with score {run.detection.median():.2f}"]
    if hits:
        share = run.labelled_share.median()
        said.append(f"on a track of {hits} detections, {share:.0%} of it labelled")
    if run.stray.notna().any():
        said.append(f"training saw it with confidence {run.stray.median():.2f}")
    return ", ".join(said)


_REASONS = {
    "wrong_position": _wrong_position,
    "wrong_category": _wrong_category,
    "labelled_background": _labelled_background,
    "unlabelled_target": _unlabelled_target,
}
