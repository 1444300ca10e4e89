"""Import of an edited COCO file as decisions.

decisions = import_items(db, "instances_default.json", "ann", exported="items.json")
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dimjax.errors import InputError
from dimjax.ledger import (
    Change,
    Decision,
    Item,
    ItemFrame,
    Ledger,
    decide,
    get_item,
    match_px,
    sequence_shapes,
)
from dimjax.ledger.values import as_reviewer
from dimjax.review.coco.comparing import (
    RESTORE,
    SAME_PX,
    UNCHANGED,
    ItemEdits,
    compare,
    distance,
    is_same,
    is_same_size,
)
from dimjax.review.coco.exporting import item_boxes
from dimjax.review.coco.files import Box, read
from dimjax.review.decisions import as_decision

_WAITING = ("open", "skipped")


def import_items(
    db: Ledger, path: str | Path, reviewer: str, exported: str | Path, finished: bool = False
) -> list[Decision]:
    """Append the decisions of an edited file, all or none; see dimjax.review.coco.

    Args:
      db: The ledger.
      path: The edited file.
      reviewer: Name of the person who edited it.
      exported: The file that export_items wrote, unchanged.
      finished: Whether untouched items are decided as they are.

    Returns:
      The decisions, in the order in which the items were exported.

    Raises:
      InputError: A file is invalid, or the ledger refuses a decision.
    """
    as_reviewer(str(path), reviewer, "person")
    before, edited = read(exported), read(path)
    if not before.intact:
        raise InputError(exported, "it must be as it was exported", "a changed file", UNCHANGED)
    decisions = []
    with db.write_transaction():
        compared = list(compare(before, edited, sequence_shapes(db), match_px(db)))
        if not any(edits.complete for edits in compared):
            rule = "it must hold the images of an exported item"
            raise InputError(path, rule, "none", "Export it with all images.")
        for edits in compared:
            subject = f"{path} item {edits.item}"
            with _refusals_of(subject):
                item = get_item(db, edits.item)
            if edits.touched:
                _check_decidable(edits, item, subject)
            elif not (finished and item.state in _WAITING and _is_unambiguous(edits)):
                continue
            _check_exported(db, item, edits, exported)
            decisions.append(_decide(db, item, edits, reviewer, subject))
    return decisions


def _is_unambiguous(edits: ItemEdits) -> bool:
    """Whether the boxes of an untouched item amount to a decision."""
    undecided = any(one.role == "location" for one in edits.exported)
    return edits.complete and not edits.ambiguous and not undecided


def _check_decidable(edits: ItemEdits, item: Item, subject: str) -> None:
    """Raise if a touched item cannot be decided."""
    if not edits.complete:
        rule = "all images of a touched item must be present"
        raise InputError(subject, rule, "some of them", "Export it with all images.")
    if edits.ambiguous:
        rule = "in a touched item, each label or its suggestion must be deleted"
        raise InputError(subject, rule, "both", "Delete the wrong one.")
    if item.state not in _WAITING:
        rule = "only an open or skipped item can be decided"
        raise InputError(subject, rule, f"a {item.state} one", RESTORE)


def _check_exported(db: Ledger, item: Item, edits: ItemEdits, exported: str | Path) -> None:
    """Raise if the file belongs to another run, whose items have the same ids by chance."""
    boxes = item_boxes(db, item)
    same = len(boxes) == len(edits.exported) and all(
        box[:3] == (one.role, one.frame_index, one.label) and is_same(box.box, one.box)
        for box, one in zip(boxes, edits.exported, strict=True)
    )
    if not same:
        rule = "its items must equal those of the ledger"
        raise InputError(f"{exported} item {item.id}", rule, "different ones", UNCHANGED)


def _decide(db: Ledger, item: Item, edits: ItemEdits, reviewer: str, subject: str) -> Decision:
    changes = [_change(item, k, frame, edits) for k, frame in enumerate(item.frames)]
    frames = {one.box.image: item.frames[one.frame_index].frame for one in edits.exported}
    changes += [_new_label(item, frames[box.image], box) for box in edits.new]
    verb, changes = as_decision(item, [change for change in changes if change is not None])
    with _refusals_of(subject):
        return decide(db, item.id, verb, reviewer, changes=changes)


@contextlib.contextmanager
def _refusals_of(subject: str) -> Iterator[None]:
    """Name the file in refusals of the ledger."""
    try:
        yield
    except InputError as error:
        raise InputError(subject, "the ledger must accept it", error, RESTORE) from error


def _change(item: Item, k: int, frame: ItemFrame, edits: ItemEdits) -> Change | None:
    """Return the change of an item frame: its remaining box is the label."""
    remaining = edits.remaining_in(k)
    if not remaining:
        return None if frame.label is None else Change(frame.label, removed=True)
    (one,) = remaining
    box = edits.remaining[one.key]
    if one.role == "suggestion" and is_same(one.box, box):
        return frame.fix
    if frame.label is None:
        track = None if frame.fix is None else frame.fix.track
        return _new_label(item, frame.frame, box)._replace(track=track)
    (label,) = (b for b in edits.exported if b.frame_index == k and b.role == "label")
    return _difference(frame.label, label.box, box)


def _new_label(item: Item, frame: int, box: Box) -> Change:
    return Change(None, item.sequence, frame, box.x, box.y, box.w, box.h, box.category)


def _difference(label: int, before: Box, after: Box) -> Change | None:
    moved, resized = distance(before, after) > SAME_PX, not is_same_size(before, after)
    change = Change(
        label,
        x=after.x if moved else None,
        y=after.y if moved else None,
        w=after.w if resized else None,
        h=after.h if resized else None,
        category=None if after.category == before.category else after.category,
    )
    return None if change == Change(label) else change
