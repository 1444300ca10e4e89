"""Review items: checked, and added once by the stage that made them.

An item is open until it is decided or skipped. It becomes stale if one of its labels has changed
since, or if a label was added near one of its frames without a label. It lapses when a later round
begins. Stale and lapsed items cannot be decided.

    frame = ItemFrame(frame=7, x=41.5, y=20.5, label=3, fix=Change(label=3, x=44.0, y=20.5))
    item = Item("wrong_position", "flight3", 0.9, "3 px off the track", (frame,))
    ids = add_items(db, [item], stage="refine")
    get_item(db, ids[0]).state                      # "open"
"""

import json
from collections.abc import Iterable
from typing import Any

from dimjax.data.labels import broken_rule
from dimjax.errors import InputError
from dimjax.ledger.changes import label_after
from dimjax.ledger.checks import as_choice, as_float, as_int, as_name, as_probability
from dimjax.ledger.creation import Shapes, current_round, sequence_shapes
from dimjax.ledger.database import Ledger
from dimjax.ledger.label_history import current_label
from dimjax.ledger.values import KINDS, Change, Item, ItemFrame, Label, check_change


def add_items(db: Ledger, items: Iterable[Item], stage: str) -> list[int]:
    """Add the review items that a stage made in the current round, all or none.

    If the stage has added items in this round before, nothing is added: a stage that was killed
    before it was marked as done runs again.

    Returns:
      Ids of the stage's items of the round.

    Raises:
      InputError: A value is invalid, or a label of an item does not exist.
    """
    stage = as_name("review items", "stage", stage)
    with db.write_transaction():
        round = current_round(db)
        statement = "SELECT item FROM items WHERE round = ? AND stage = ? ORDER BY item"
        existing = [row[0] for row in db.execute(statement, (round, stage))]
        if existing:
            return existing
        shapes = sequence_shapes(db)
        made = _now(db)
        return [
            _insert(db, _checked(db, item, f"{stage} item {k}", shapes), round, stage, made)
            for k, item in enumerate(items)
        ]


def add_item(db: Ledger, item: Item, stage: str) -> int:
    """Add one review item to the current round; the stage may add further ones. Return its id.

    Raises:
      InputError: A value is invalid.
    """
    stage = as_name("review items", "stage", stage)
    with db.write_transaction():
        item = _checked(db, item, f"{stage} item", sequence_shapes(db))
        return _insert(db, item, current_round(db), stage, _now(db))


def get_item(db: Ledger, item: int) -> Item:
    """Return one item.

    Raises:
      InputError: The item does not exist.
    """
    item = as_int(str(db.path), "item", item)
    with db.read_transaction():
        row = db.execute("SELECT * FROM item_states WHERE item = ?", (item,)).fetchone()
        if row is None:
            rule = "the item must exist in the ledger"
            raise InputError(f"{db.path} item {item}", rule, "none", "Load the items again.")
        return item_from_row(db, row)


def item_from_row(db: Ledger, row: tuple) -> Item:
    """Return the item of a row of `item_states`."""
    item, round, stage, kind, sequence, probability, score, reason, made_at, *_, state = row
    statement = """SELECT frame, x, y, label, fix FROM item_frames
      WHERE item = ? ORDER BY frame_index"""
    frames = tuple(
        ItemFrame(*fields, None if fix is None else _change_in(fix, f"{db.path} item {item}"))
        for *fields, fix in db.execute(statement, (item,))
    )
    return Item(
        kind, sequence, probability, reason, frames, score, item, round, stage, made_at, state
    )


def _change_in(fix: str, subject: str) -> Change:
    """Return the change that a row of `item_frames` suggests."""
    try:
        return Change(**json.loads(fix))
    except (ValueError, TypeError, RecursionError) as error:
        rule, remedy = "a suggested change must be as dimjax wrote it", "Restore the ledger."
        raise InputError(subject, rule, repr(fix[:80]), remedy) from error


def check_sequence(subject: str, sequence: Any, shapes: Shapes) -> None:
    """Raise if the ledger has no such sequence."""
    if not isinstance(sequence, str) or sequence not in shapes:
        rule, remedy = "sequence must be in the ledger", "Add the sequence first, or correct it."
        raise InputError(subject, rule, repr(sequence), remedy)


def _checked(db: Ledger, item: Item, subject: str, shapes: Shapes) -> Item:
    """Return the item in Python's own types after a check of all its fields."""
    if not isinstance(item, Item):
        raise InputError(subject, "it must be an Item", repr(item), "Correct it.")
    as_choice(subject, "kind", item.kind, KINDS)
    check_sequence(subject, item.sequence, shapes)
    probability = as_probability(subject, "probability", item.probability)
    if not item.frames:
        raise InputError(subject, "an item needs a frame", "none", "Give the frame to look at.")
    frames = tuple(_checked_frame(db, frame, item, subject, shapes) for frame in item.frames)
    labels = [frame.label for frame in frames if frame.label is not None]
    if len(set(labels)) < len(labels):
        rule, remedy = "an item must name a label once", "Merge the two frames."
        raise InputError(subject, rule, f"labels {labels}", remedy)
    return item._replace(
        probability=probability,
        score=as_float(subject, "score", item.score),
        reason=as_name(subject, "reason", item.reason),
        frames=frames,
    )


def _checked_frame(
    db: Ledger, frame: ItemFrame, item: Item, subject: str, shapes: Shapes
) -> ItemFrame:
    if not isinstance(frame, ItemFrame):
        raise InputError(subject, "a frame must be an ItemFrame", repr(frame), "Correct it.")
    frame = ItemFrame(
        as_int(subject, "frame", frame.frame),
        as_float(subject, "x", frame.x),
        as_float(subject, "y", frame.y),
        None if frame.label is None else as_int(subject, "label", frame.label),
        None if frame.fix is None else check_change(frame.fix, subject),
    )
    location = Label(0, item.sequence, *frame[:3], 1.0, 1.0, "target", "", "", 0, False)
    _check_in_frame(location, shapes, subject)
    label = None if frame.label is None else current_label(db, frame.label)
    missing = label is None or (label.sequence, label.frame) != (item.sequence, frame.frame)
    if frame.label is not None and missing:
        rule = f"the label must exist in {item.sequence} frame {frame.frame}"
        raise InputError(subject, rule, f"label {frame.label}", "Make the item again.")
    if frame.fix is not None:
        key = (None, item.sequence, frame.frame) if label is None else (frame.label,)
        if frame.fix[: len(key)] != key:
            rule = "a fix must change the label of its item frame, or add a label in that frame"
            raise InputError(subject, rule, frame.fix, "Correct the fix or the item frame.")
        _check_in_frame(label_after(frame.fix, label, "", 0), shapes, subject)
    return frame


def _check_in_frame(label: Label, shapes: Shapes, subject: str) -> None:
    broken = broken_rule(label, shapes)
    if broken is not None:
        raise InputError(subject, *broken, "Correct the location or its fix.")


def _now(db: Ledger) -> tuple[float, int]:
    """The time, and the newest decision."""
    return db.clock(), db.execute("SELECT max(decision) FROM decisions").fetchone()[0]


def _insert(db: Ledger, item: Item, round: int, stage: str, made: tuple[float, int]) -> int:
    row = (round, stage, *item[:2], item.probability, item.score, item.reason, *made)
    item_id = db.execute(f"INSERT INTO items VALUES (NULL{', ?' * 9})", row).lastrowid
    for k, frame in enumerate(item.frames):
        version = None if frame.label is None else current_label(db, frame.label).decision
        fields = {} if frame.fix is None else frame.fix._asdict()
        fix = json.dumps({key: value for key, value in fields.items() if value is not None})
        row = (item_id, k, *frame[:4], version, None if frame.fix is None else fix)
        db.execute("INSERT INTO item_frames VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    return item_id
