"""Mining: review items from contradictions between tracks, detections and labels.

A frame without a detection inside a track is a miss, a detection without a track is a false alarm
(section 5 of the paper). `mine` returns one item for each object, ready for the ledger;
`trajectories` judges tracks, `isolated` the detections without a track, and `files` writes
mined.csv.

    tracks = link(detections)
    mined = mine(tracks, labels, {"flight3": (100, 512, 640)})
    ledger.add_items(db, mined.misses + mined.false_alarms, stage="mine")
    mined.doubtful                              # items that are less likely to be right
    shortlist(mined, max_items=50)              # the items most worth a review
    proposals(mined)                            # the items that suggest labels
"""

import itertools
from collections.abc import Iterator, Mapping

import pandas as pd

from dimjax.data.labels import MIN_SIZE_PX
from dimjax.errors import InputError
from dimjax.ledger.values import Item
from dimjax.mining.files import read_mined, write_mined
from dimjax.mining.isolated import isolated_detections
from dimjax.mining.settings import Mined, MiningConfig, check
from dimjax.mining.trajectories import View, judge_tracks
from dimjax.tracks import Tracks

__all__ = ["Mined", "MiningConfig", "mine", "proposals", "read_mined", "shortlist", "write_mined"]


def mine(
    tracks: Tracks,
    labels: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    settings: MiningConfig = MiningConfig(),  # noqa: B008, since it cannot be changed
) -> Mined:
    """Mine the tracks of one or more sequences for missing labels and false alarms.

    Misses hold the trusted tracks of targets, with one suggested label for each unlabelled frame:
    at the detection, or on the smoothed track in a frame without a detection. New labels get the
    track name of the labels that they continue, else mined-0, mined-1, ...

    False alarms hold the strong detections of targets without a track and without a label nearby.
    An isolated detection has no fix: it is background. The fix of detections that repeat at one
    spot is a label of interference.

    Doubtful are tracks of few detections, tracks that stand still or are classified as
    interference, and isolated detections beside a track or at a border that a target may have
    clipped.

    The probability of a track is E / (E + 10) with its log-likelihood ratio E, which is the item's
    score. The probability of a false alarm is 1 - 2 ** -n, with the number n of neighbouring frames
    without another detection of the object, or of frames with a detection at the same spot; its
    score is that of the strongest detection. The probability of doubtful items is halved.

    Args:
      tracks: Linked detections, from `link`.
      labels: Label table of the same sequences; some sequences may have no labels.
      shapes: T, H, W of each sequence.
      settings: See MiningConfig.

    Raises:
      InputError: A setting is out of its range, or a detection lies outside its sequence's shape.
    """
    check(settings)
    mined = Mined([], [], [])
    for name in sorted(tracks.detections.sequence.unique()):
        view = _view(tracks, labels, shapes, name)
        for items, of_sequence in zip(mined, _mine(view, settings), strict=True):
            items += of_sequence
    return Mined(*(sorted(items, key=_by_certainty) for items in mined))


def shortlist(mined: Mined, max_items: int) -> list[Item]:
    """Return the items most worth a decision, at most max_items of them.

    Misses come first, since each adds the labels of a whole track; false alarms follow, then the
    doubtful items.
    """
    return [item for items in mined for item in items][:max_items]


def proposals(mined: Mined) -> Mined:
    """Return the items that suggest labels: tracks, and spots that flicker."""
    return Mined(*([item for item in items if item.suggestion] for items in mined))


def _mine(view: View, settings: MiningConfig) -> Mined:
    """Mine one sequence."""
    names = _new_track_names(view.labels)
    decisions = judge_tracks(view, names, settings)
    false_alarms, doubtful, merged = isolated_detections(view, decisions, names, settings)
    misses = []
    for decision in decisions:
        if decision.item is None or decision.track in merged:
            continue
        if decision.rejection_reason:
            doubtful.append(decision.item)
        elif decision.item.kind == "false_alarm":
            false_alarms.append(decision.item)
        else:
            misses.append(decision.item)
    return Mined(misses, false_alarms, doubtful)


def _view(tracks: Tracks, labels: pd.DataFrame, shapes, name: str) -> View:
    if name not in shapes:
        rule, remedy = "the shape of each sequence must be given", "Add it to shapes."
        raise InputError(f"sequence {name}", rule, "none", remedy)
    detections, points, labels = (
        table[table.sequence == name] for table in (tracks.detections, tracks.points, labels)
    )
    location = detections[["frame", "y", "x"]].to_numpy(float)
    inside = ((location >= 0) & (location < shapes[name])).all(axis=1)
    if not inside.all():
        row = detections[~inside].iloc[0]
        rule = f"detections must lie in frames of length, height, width {tuple(shapes[name])}"
        value = f"frame {row.frame}, x {row.x:g}, y {row.y:g}"
        raise InputError(f"sequence {name}", rule, value, "Give the shape of this sequence.")
    tables = (_within_limits(table, shapes[name]) for table in (detections, points))
    return View(name, shapes[name], *tables, labels)


def _within_limits(table: pd.DataFrame, shape: tuple[int, int, int]) -> pd.DataFrame:
    """Limit the boxes of detections to sizes that labels may have: networks predict any."""
    _, height, width = shape
    limited = {"w": table.w.clip(MIN_SIZE_PX, width), "h": table.h.clip(MIN_SIZE_PX, height)}
    return table.assign(**limited)


def _new_track_names(labels: pd.DataFrame) -> Iterator[str]:
    """Track names mined-K that no label of the sequence has."""
    numbers = labels.track.astype("str").str.extract(r"^mined-(\d{1,9})$", expand=False)
    numbers = numbers.dropna().astype(int)
    return (f"mined-{k}" for k in itertools.count(int(numbers.max()) + 1 if len(numbers) else 0))


def _by_certainty(item: Item) -> tuple:
    """Sort key: falling probability, falling score, then sequence and location."""
    first = item.frames[0]
    return -item.probability, -item.score, item.sequence, first.frame, first.x, first.y
