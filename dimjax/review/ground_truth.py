"""The changes that a careful person who sees the truth would make to the frames of an item.

- A label is right if it has the category of its truth and its centre is at most RIGHT_PX away.
  Right labels are kept. Sizes are not judged.
- Labels are matched one-to-one to the nearest truth within match_px. A label without a match is
  assigned the unlabelled truth within match_px of the suggestion or else of the item frame, if any;
  so is an item frame without a label.
- Correct suggestions are accepted frame by frame, also within a track. If a suggestion is wrong
  but a change is due, the change is made by hand: a click has a standard deviation of
  CLICK_SIGMA_PX in x and in y, truncated so that the label is right; a new box has the size and
  track of the truth.
- Labels without a truth are removed. Truths with visible < 0.5 are neither required nor forbidden:
  their labels stay, and no label is added.

    truths = truths_by_frame(folder.truth, sequence_shapes(db))
    correct_changes(db, item, truths, 3.0, lambda row: click(row, shape, rng))
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import MIN_VISIBLE, check_labels
from dimjax.errors import InputError
from dimjax.evaluation.pairing import pairs
from dimjax.ledger import Change, Item, ItemFrame, Label, Ledger, labels_of_frame
from dimjax.ledger.changes import label_after

RIGHT_PX = 1.0
CLICK_SIGMA_PX = 0.3

_COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "track")

Truths = dict[tuple[str, int], list[Any]]  # sequence, frame -> rows of the truth
Click = Callable[[Any], tuple[float, float]]  # row of the truth -> x, y of a click on it


class _Matches(NamedTuple):
    """The labels of one frame and the truths that they are matched to."""

    labels: dict[int, Label]  # by id
    truth_of: dict[int, Any]  # label id -> row of the truth
    unlabelled: list[Any]  # visible rows without a label


def truths_by_frame(truth: pd.DataFrame, shapes: dict[str, tuple[int, int, int]]) -> Truths:
    """Group a truth table by frame. Sequences that are not in shapes are left out.

    Without a column `visible`, all truths are visible.

    Raises:
      InputError: A column is missing, or a row is impossible in its sequence.
    """
    for column in _COLUMNS:
        if column not in truth:
            value = ", ".join(map(str, truth.columns))
            raise InputError("truth", f"there must be a column {column}", value, "Add the column.")
    if "visible" not in truth:
        truth = truth.assign(visible=1.0)
    numbered = truth.set_index(pd.Index(np.arange(len(truth)) + 2, name="line"))
    checked = check_labels(numbered[numbered.sequence.isin(list(shapes))], shapes, "truth")
    rows = defaultdict(list)
    for row in checked[[*_COLUMNS, "visible"]].itertuples(index=False, name="Truth"):
        rows[row.sequence, row.frame].append(row)
    return rows


def correct_changes(
    db: Ledger, item: Item, truths: Truths, match_px: float, click: Click
) -> list[Change]:
    """Return the changes that an item calls for, in the order of its frames."""
    matches = {}
    for frame in {frame.frame for frame in item.frames}:
        labels = labels_of_frame(db, item.sequence, frame)
        matches[frame] = _match(labels, truths.get((item.sequence, frame), ()), match_px)
    changes = (
        _correct_change(item.sequence, frame, matches[frame.frame], match_px, click)
        for frame in item.frames
    )
    return [change for change in changes if change is not None]


def click(row, shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[float, float]:
    """Return x, y of a person's click on a truth, in a sequence of shape T, H, W."""
    noisy = np.array((row.x, row.y)) + CLICK_SIGMA_PX * rng.normal(size=2).clip(-2, 2)
    x, y = np.clip(noisy.round(3), 0, np.array(shape)[[2, 1]] - 0.001).tolist()
    return x, y


def _match(labels: list[Label], rows: Sequence[Any], match_px: float) -> _Matches:
    """Match labels to truths, visible truths first."""
    visible = [row for row in rows if row.visible >= MIN_VISIBLE]
    hidden = [row for row in rows if row.visible < MIN_VISIBLE]
    truth_of = {}
    for candidates in (visible, hidden):
        rest = [label for label in labels if label.id not in truth_of]
        partners = pairs(rest, candidates, match_px)
        truth_of |= {rest[k].id: candidates[row] for k, row in partners.items()}
    unlabelled = [row for row in visible if row not in truth_of.values()]
    return _Matches({label.id: label for label in labels}, truth_of, unlabelled)


def _correct_change(
    sequence: str, frame: ItemFrame, matches: _Matches, match_px: float, click: Click
) -> Change | None:
    """Return the change that an item frame calls for, if any."""
    label, fixed = matches.labels.get(frame.label), None
    if frame.fix is not None and not frame.fix.removed:
        fixed = label_after(frame.fix, label, "", 0)
    row = matches.truth_of.get(frame.label) or _claim(matches, (fixed, frame), match_px)
    if row is None:
        return None if label is None else Change(label.id, removed=True)
    if label is not None and (row.visible < MIN_VISIBLE or _is_right(label, row)):
        return None
    if fixed is not None and _is_right(fixed, row):
        return frame.fix
    return _manual_change(sequence, frame.frame, label, row, click)


def _claim(matches: _Matches, locations: Iterable[Any], match_px: float) -> Any | None:
    """Take the unlabelled truth nearest to the first location that has one within match_px."""
    for location in filter(None, locations):
        distances = [_distance(row, location) for row in matches.unlabelled]
        if min(distances, default=math.inf) < match_px:
            return matches.unlabelled.pop(distances.index(min(distances)))
    return None


def _manual_change(sequence: str, frame: int, label: Label | None, row, click: Click) -> Change:
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
