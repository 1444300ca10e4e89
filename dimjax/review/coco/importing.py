"""An edited COCO file back to decisions.

decisions = import_items(book, "instances_default.json", "ann", exported="items.json")
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dimjax.errors import InputError
from dimjax.ledger import Change, Decision, Item, Ledger, Place, decide, get_item, sequence_shapes
from dimjax.ledger.values import name_of
from dimjax.review.coco.comparing import (
    PUT_BACK,
    SAME_PX,
    UNCHANGED,
    Case,
    compare,
    distance,
    is_same,
    is_sized_alike,
)
from dimjax.review.coco.exporting import drawn
from dimjax.review.coco.files import Box, read
from dimjax.review.simulated import as_decision

_WAITING = ("open", "skipped")


def import_items(
    book: Ledger, path: str | Path, reviewer: str, exported: str | Path, finished: bool = False
) -> list[Decision]:
    """Append the decisions that an edited file holds, all or none; dimjax.review.coco says how.

    Args:
      book: The ledger.
      path: The edited file.
      reviewer: Who edited it; a person.
      exported: What export_items wrote, unchanged.
      finished: Whether what was left as it was is right, too.

    Returns:
      The decisions, in the order in which the items were exported.

    Raises:
      InputError: A file is not of the form that it must have, or the ledger refuses a decision.
    """
    name_of(str(path), "reviewer", reviewer)
    before, found = read(exported), read(path)
    if not before.intact:
        raise InputError(exported, "it must be as it was exported", "a changed file", UNCHANGED)
    decisions = []
    with book.writing():
        for case in compare(before, found, sequence_shapes(book)):
            where = f"{path} item {case.item}"
            with _told_of(where):
                item = get_item(book, case.item)
            if case.touched:
                _check(case, item, where)
            elif not (finished and item.state in _WAITING and _says_all(case)):
                continue
            _check_exported(book, item, case, exported)
            decisions.append(_decide(book, item, case, reviewer, where))
    return decisions


def _says_all(case: Case) -> bool:
    """Whether the boxes of an item that was left as it was are a decision."""
    asks = any(one.role == "place" for one in case.shown)
    return case.complete and not case.doubled and not asks


def _check(case: Case, item: Item, where: str) -> None:
    """Refuse an item that was touched and cannot be decided."""
    if not case.complete:
        rule = "all pictures of an item that was touched must be there"
        raise InputError(where, rule, "not all", "Export it with all pictures.")
    if case.doubled:
        rule = "of a label and its suggestion one must go where an item was touched"
        raise InputError(where, rule, "both", "Delete the one that is wrong.")
    if item.state not in _WAITING:
        rule = "only an item that waits can be decided"
        raise InputError(where, rule, f"a {item.state} one", PUT_BACK)


def _check_exported(book: Ledger, item: Item, case: Case, exported: str | Path) -> None:
    """Refuse a file of another run, whose items have the same numbers by chance."""
    boxes = drawn(book, item)
    same = len(boxes) == len(case.shown) and all(
        one[:3] == (shown.role, shown.place, shown.label) and is_same(one[-1], shown.box)
        for one, shown in zip(boxes, case.shown, strict=True)
    )
    if not same:
        rule = "its items must be as the ledger has them"
        raise InputError(f"{exported} item {item.id}", rule, "others", UNCHANGED)


def _decide(book: Ledger, item: Item, case: Case, reviewer: str, where: str) -> Decision:
    changes = [_change(item, k, place, case) for k, place in enumerate(item.places)]
    frames = {one.box.image: item.places[one.place].frame for one in case.shown}
    changes += [_new_label(item, frames[box.image], box) for box in case.new]
    verb, changes = as_decision(item, [change for change in changes if change is not None])
    with _told_of(where):
        return decide(book, item.id, verb, reviewer, changes=changes)


@contextlib.contextmanager
def _told_of(where: str) -> Iterator[None]:
    """Say of which file a refusal of the ledger is."""
    try:
        yield
    except InputError as error:
        raise InputError(where, "the ledger must take it", error, PUT_BACK) from error


def _change(item: Item, k: int, place: Place, case: Case) -> Change | None:
    """What becomes of a place: the box that stands there is its label."""
    standing = case.standing(k)
    if not standing:
        return None if place.label is None else Change(place.label, removed=True)
    (one,) = standing
    box = case.after[one.key]
    if one.role == "suggestion" and is_same(one.box, box):
        return place.fix
    if place.label is None:
        track = None if place.fix is None else place.fix.track
        return _new_label(item, place.frame, box)._replace(track=track)
    (label,) = (one for one in case.shown if one.place == k and one.role == "label")
    return _difference(place.label, label.box, box)


def _new_label(item: Item, frame: int, box: Box) -> Change:
    return Change(None, item.sequence, frame, box.x, box.y, box.w, box.h, box.category)


def _difference(label: int, before: Box, after: Box) -> Change | None:
    moved, sized = distance(before, after) > SAME_PX, not is_sized_alike(before, after)
    change = Change(
        label,
        x=after.x if moved else None,
        y=after.y if moved else None,
        w=after.w if sized else None,
        h=after.h if sized else None,
        category=None if after.category == before.category else after.category,
    )
    return None if change == Change(label) else change
