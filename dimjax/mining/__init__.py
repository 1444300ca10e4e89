"""Mining: what tracks and detections say that the labels do not, as review items.

In come tracks and labels; out come misses (targets that the network or the labels miss) and false
alarms, one item for each object, ready for the ledger. A frame without a detection inside a
track is a miss, a detection without a track is a false alarm (section 5 of the paper).

    tracks = link(detections)
    mined = mine(tracks, labels, {"flight3": (100, 512, 640)})
    ledger.add_items(book, mined.misses + mined.false_alarms, stage="mine")
    mined.doubtful                              # either, less likely to be right
    shortlist(mined, 50)                        # what to put up, where there is too much
"""

import itertools
from collections.abc import Iterator, Mapping

import pandas as pd

from dimjax.errors import InputError
from dimjax.ledger.values import Item
from dimjax.mining.files import read_mined, write_mined
from dimjax.mining.isolated import strays
from dimjax.mining.settings import Mined, Mining, check
from dimjax.mining.trajectories import View, judge
from dimjax.tracks import Tracks

__all__ = ["Mined", "Mining", "mine", "read_mined", "shortlist", "write_mined"]


def mine(
    tracks: Tracks,
    labels: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    settings: Mining = Mining(),  # noqa: B008, since it cannot be changed
) -> Mined:
    """Mine the tracks of one or more sequences for what the labels lack.

    Misses hold the trusted tracks of targets, with a place for each frame that has no label: the
    fix is a new label at the detection, or where the smoothed track passes if there is none. New
    labels take the name of the labels' track that they continue, else mined-0, mined-1, ...

    False alarms hold the strong detections of targets in no track and near no label. A lone one
    has no fix: it is background. Where detections repeat at one spot, the fix is interference.

    Doubtful are tracks of few detections, tracks that stand still or are called interference, and
    lone detections beside a track or where a target may have clipped the border.

    The probability of a track is E / (E + 10) with its evidence E (the item's score), that of a
    false alarm 1 - 2 ** -n, with n the frames around in which nothing else was found, or in which
    the same spot was bright; its score is that of its strongest detection. What is doubtful has
    half of the probability.

    Args:
      tracks: What link found.
      labels: Label table of the same sequences; it may lack all labels of some.
      shapes: T, H, W of each sequence.
      settings: See Mining.

    Raises:
      InputError: A setting is wrong, or a detection lies outside its sequence's shape.
    """
    check(settings)
    mined = Mined([], [], [])
    for name in sorted(tracks.detections.sequence.unique()):
        view = _view(tracks, labels, shapes, name)
        for whole, own in zip(mined, _mine(view, settings), strict=True):
            whole += own
    return Mined(*(sorted(items, key=_surest_first) for items in mined))


def shortlist(mined: Mined, most: int) -> list[Item]:
    """The items that are most worth a decision, at most so many.

    Misses come first, since each brings the labels of a whole track; then false alarms, and at the
    end what is doubtful.
    """
    return [item for items in mined for item in items][:most]


def _mine(view: View, settings: Mining) -> Mined:
    """What one sequence yields."""
    names = _names(view.labels)
    verdicts = judge(view, names, settings)
    false_alarms, doubtful, settled = strays(view, verdicts, names, settings)
    items = [v for v in verdicts if v.item is not None and v.track not in settled]
    misses = [v.item for v in items if not v.doubt and v.item.kind != "false_alarm"]
    false_alarms += [v.item for v in items if not v.doubt and v.item.kind == "false_alarm"]
    doubtful += [v.item for v in items if v.doubt]
    return Mined(misses, false_alarms, doubtful)


def _view(tracks: Tracks, labels: pd.DataFrame, shapes, name: str) -> View:
    if name not in shapes:
        rule, remedy = "the shape of each sequence must be given", "Add it to shapes."
        raise InputError(f"sequence {name}", rule, "none", remedy)
    own = [table[table.sequence == name] for table in (tracks.detections, tracks.points, labels)]
    place = own[0][["frame", "y", "x"]].to_numpy(float)
    inside = ((place >= 0) & (place < shapes[name])).all(axis=1)
    if not inside.all():
        row = own[0][~inside].iloc[0]
        rule = f"detections must lie in frames of length, height, width {tuple(shapes[name])}"
        found = f"frame {row.frame}, x {row.x:g}, y {row.y:g}"
        raise InputError(f"sequence {name}", rule, found, "Give the shape of this sequence.")
    return View(name, shapes[name], *own)


def _names(labels: pd.DataFrame) -> Iterator[str]:
    """Names for tracks of new labels that no label of the sequence bears."""
    taken = (
        labels.track.astype("str")
        .str.extract(r"^mined-(\d{1,9})$", expand=False)
        .dropna()
        .astype(int)
    )
    return (f"mined-{k}" for k in itertools.count(int(taken.max()) + 1 if len(taken) else 0))


def _surest_first(item: Item) -> tuple:
    place = item.places[0]
    return -item.probability, -item.score, item.sequence, place.frame, place.x, place.y
