"""What a careful person would change, seeing what the truth says is there.

In come an item, the labels of its frames as they are and the truth; out come the right changes.

- A label or a new label is right if its category is that of the truth and its centre at most
  RIGHT_PX from it. A label that is right is kept. Sizes are not judged.
- A label is of the truth nearest to it and nearer than match_px, one truth to one label. If there
  is none, it is of the truth without a label that is so near to the suggestion or the place; and
  so is a place without a label.
- A suggestion that is right is taken, in a track that of each frame for itself. Where it is wrong
  but a change is due, that is made by hand: a click is CLICK_PX (standard deviation) off in x and
  in y, but never so far that it would not be right; a new box has the truth's size and track.
- A label of no truth goes. A truth with visible < 0.5 is nobody's duty: a label of it stays as it
  is, and where there is none, none is made.

    truths = truths_by_frame(folder.truth, sequence_shapes(book))
    right_changes(book, item, truths, 3.0, lambda row: click(row, shape, rng))
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import check
from dimjax.errors import InputError
from dimjax.evaluation.figures import LEAST_VISIBLE
from dimjax.evaluation.pairing import pairs
from dimjax.ledger import Change, Item, Label, Ledger, Place, labels_of_frame
from dimjax.ledger.changes import label_after

RIGHT_PX = 1.0
CLICK_PX = 0.3

_COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "track")

Truths = dict[tuple[str, int], list[Any]]  # sequence, frame -> rows of the truth
Click = Callable[[Any], tuple[float, float]]  # row of the truth -> x, y of a click at it


class _Scene(NamedTuple):
    """One frame: its labels and what they are of."""

    labels: dict[int, Label]
    owned: dict[int, Any]  # label -> row of the truth
    free: list[Any]  # rows that count and have no label


def truths_by_frame(truth: pd.DataFrame, shapes: dict[str, tuple[int, int, int]]) -> Truths:
    """Rows of a truth table by frame; sequences that are not in shapes are left out.

    Without a column `visible` all that is there can be seen.

    Raises:
      InputError: A column lacks, or a row cannot be true of its sequence.
    """
    for column in _COLUMNS:
        if column not in truth:
            found = ", ".join(map(str, truth.columns))
            raise InputError("truth", f"there must be a column {column}", found, "Add the column.")
    if "visible" not in truth:
        truth = truth.assign(visible=1.0)
    numbered = truth.set_index(pd.Index(np.arange(len(truth)) + 2, name="line"))
    known = check(numbered[numbered.sequence.isin(list(shapes))], shapes, "truth")
    rows = defaultdict(list)
    for row in known[[*_COLUMNS, "visible"]].itertuples(index=False, name="Truth"):
        rows[row.sequence, row.frame].append(row)
    return rows


def right_changes(
    book: Ledger, item: Item, truths: Truths, match_px: float, click: Click
) -> list[Change]:
    """The changes that an item calls for, in the order of its places."""
    scenes = {}
    for frame in {place.frame for place in item.places}:
        labels = labels_of_frame(book, item.sequence, frame)
        scenes[frame] = _scene(labels, truths.get((item.sequence, frame), ()), match_px)
    changes = (_due(item, place, scenes[place.frame], match_px, click) for place in item.places)
    return [change for change in changes if change is not None]


def click(row, shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[float, float]:
    """Where a person clicks to show the place of a truth, in a frame of shape T, H, W."""
    spot = np.array((row.x, row.y)) + CLICK_PX * rng.normal(size=2).clip(-2, 2)
    x, y = np.clip(spot.round(3), 0, np.array(shape)[[2, 1]] - 0.001).tolist()
    return x, y


def _scene(labels: list[Label], rows: Sequence[Any], match_px: float) -> _Scene:
    """Labels and what they are of; truths that count choose first."""
    seen = [row for row in rows if row.visible >= LEAST_VISIBLE]
    hidden = [row for row in rows if row.visible < LEAST_VISIBLE]
    owned = {}
    for some in (seen, hidden):
        rest = [label for label in labels if label.id not in owned]
        owned |= {rest[k].id: some[row] for k, row in pairs(rest, some, match_px).items()}
    free = [row for row in seen if row not in owned.values()]
    return _Scene({label.id: label for label in labels}, owned, free)


def _due(item: Item, place: Place, scene: _Scene, match_px: float, click: Click) -> Change | None:
    """The change that a place calls for, if any."""
    label, fixed = scene.labels.get(place.label), None
    if place.fix is not None and not place.fix.removed:
        fixed = label_after(place.fix, label, "", 0)
    row = scene.owned.get(place.label) or _take(scene, (fixed, place), match_px)
    if row is None:
        return None if label is None else Change(label.id, removed=True)
    if label is not None and (row.visible < LEAST_VISIBLE or _is_right(label, row)):
        return None
    if fixed is not None and _is_right(fixed, row):
        return place.fix
    return _by_hand(item.sequence, place.frame, label, row, click)


def _take(scene: _Scene, points: Iterable[Any], match_px: float) -> Any | None:
    """The free truth nearest to the first point that has one near; it is free no more."""
    for point in filter(None, points):
        distances = [_distance(row, point) for row in scene.free]
        if min(distances, default=math.inf) < match_px:
            return scene.free.pop(distances.index(min(distances)))
    return None


def _by_hand(sequence: str, frame: int, label: Label | None, row, click: Click) -> Change:
    x, y = click(row)
    if label is None:
        box = (x, y, row.w, row.h)
        return Change(None, sequence, frame, *box, row.category, row.track or None)
    if _distance(label, row) <= RIGHT_PX:
        x = y = None
    category = None if label.category == row.category else row.category
    return Change(label.id, x=x, y=y, category=category)


def _is_right(label: Label, row) -> bool:
    return label.category == row.category and _distance(label, row) <= RIGHT_PX


def _distance(a, b) -> float:
    return math.hypot(a.x - b.x, a.y - b.y)
