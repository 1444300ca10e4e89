"""Review items as a stage makes them: checked, and added once.

In come suspects, misses and false alarms as Items; out come their ids, and the Items again with
their state. An item is open until it is decided or skipped. It is stale when a label of it has
changed since, or a label has come near a place of it that had none, and lapsed when a later round
has begun; then it cannot be decided.

    place = Place(frame=7, x=41.5, y=20.5, label=3, fix=Change(label=3, x=44.0, y=20.5))
    ids = add_items(book, [Item("wrong_position", "flight3", 0.9, "3 px off", (place,))], "refine")
    get_item(book, ids[0]).state                    # "open"
"""

import json
from collections.abc import Iterable
from typing import Any

from dimjax.data.labels import broken_rule
from dimjax.errors import InputError
from dimjax.ledger.changes import label_after
from dimjax.ledger.creation import Shapes, current_round, sequence_shapes
from dimjax.ledger.database import Ledger
from dimjax.ledger.label_history import label_now
from dimjax.ledger.values import (
    KINDS,
    Change,
    Item,
    Label,
    Place,
    checked_change,
    name_of,
    number,
    one_of,
    whole,
)


def add_items(book: Ledger, items: Iterable[Item], stage: str) -> list[int]:
    """Add the review items that a stage found in the current round, all or none.

    Where that stage's items of the round are there already, nothing is added: a stage that was
    killed before it could say that it had ended runs again.

    Returns:
      Ids of the stage's items of the round.

    Raises:
      InputError: A value is wrong, or a label that an item concerns is not there.
    """
    stage = name_of("review items", "stage", stage)
    with book.writing():
        round = current_round(book)
        statement = "SELECT item FROM items WHERE round = ? AND stage = ? ORDER BY item"
        there = [row[0] for row in book.execute(statement, (round, stage))]
        if there:
            return there
        shapes = sequence_shapes(book)
        newest = book.execute("SELECT max(decision) FROM decisions").fetchone()[0]
        made = (book.clock(), newest)
        return [
            _add(book, _checked(book, item, f"{stage} item {k}", shapes), round, stage, made)
            for k, item in enumerate(items)
        ]


def get_item(book: Ledger, item: int) -> Item:
    """One item.

    Raises:
      InputError: There is no such item.
    """
    item = whole(str(book.path), "item", item)
    with book.reading():
        row = book.execute("SELECT * FROM states WHERE item = ?", (item,)).fetchone()
        if row is None:
            rule = "an item must be one of the ledger"
            raise InputError(f"{book.path} item {item}", rule, "none", "Load the items again.")
        return item_of(book, row)


def _checked(book: Ledger, item: Item, where: str, shapes: Shapes) -> Item:
    """The item in Python's own types, after a look at everything in it."""
    if not isinstance(item, Item):
        raise InputError(where, "it must be an Item", repr(item), "Correct it.")
    one_of(where, "kind", item.kind, KINDS)
    check_sequence(where, item.sequence, shapes)
    probability = number(where, "probability", item.probability)
    if not 0 <= probability <= 1:
        raise InputError(where, "probability must lie in 0..1", probability, "Correct it.")
    if not item.places:
        raise InputError(where, "an item must have a place", "none", "Say where to look.")
    places = tuple(_checked_place(book, place, item, where, shapes) for place in item.places)
    labels = [place.label for place in places if place.label is not None]
    if len(set(labels)) < len(labels):
        rule, remedy = "an item must name a label once", "Make one place of the two."
        raise InputError(where, rule, f"labels {labels}", remedy)
    return item._replace(
        probability=probability,
        score=number(where, "score", item.score),
        reason=name_of(where, "reason", item.reason),
        places=places,
    )


def _checked_place(book: Ledger, place: Place, item: Item, where: str, shapes: Shapes) -> Place:
    if not isinstance(place, Place):
        raise InputError(where, "a place must be a Place", repr(place), "Correct it.")
    place = Place(
        whole(where, "frame", place.frame),
        number(where, "x", place.x),
        number(where, "y", place.y),
        None if place.label is None else whole(where, "label", place.label),
        None if place.fix is None else checked_change(place.fix, where),
    )
    spot = Label(0, item.sequence, *place[:3], 1.0, 1.0, "target", "", "", 0, False)
    _check_in_frame(spot, shapes, where)
    label = None if place.label is None else label_now(book, place.label)
    missing = label is None or (label.sequence, label.frame) != (item.sequence, place.frame)
    if place.label is not None and missing:
        rule = f"the label must be there, in {item.sequence} frame {place.frame}"
        raise InputError(where, rule, f"label {place.label}", "Make the item anew.")
    if place.fix is not None:
        own = (None, item.sequence, place.frame) if label is None else (place.label,)
        if place.fix[: len(own)] != own:
            rule = "a fix must be of its place's label, or new in its place's frame"
            raise InputError(where, rule, place.fix, "Correct the fix or its place.")
        _check_in_frame(label_after(place.fix, label, "", 0), shapes, where)
    return place


def _check_in_frame(label: Label, shapes: Shapes, where: str) -> None:
    broken = broken_rule(label, shapes)
    if broken is not None:
        raise InputError(where, *broken, "Correct the place or its fix.")


def check_sequence(where: str, sequence: Any, shapes: Shapes) -> None:
    """Refuse a sequence that the ledger does not know."""
    if not isinstance(sequence, str) or sequence not in shapes:
        rule, remedy = "sequence must be a known one", "Add the sequence first, or correct it."
        raise InputError(where, rule, repr(sequence), remedy)


def _add(book: Ledger, item: Item, round: int, stage: str, made: tuple[float, int]) -> int:
    row = (round, stage, *item[:2], item.probability, item.score, item.reason, *made)
    item_id = book.execute(f"INSERT INTO items VALUES (NULL{', ?' * 9})", row).lastrowid
    for k, place in enumerate(item.places):
        version = None if place.label is None else label_now(book, place.label).decision
        given = {} if place.fix is None else place.fix._asdict()
        fix = json.dumps({key: value for key, value in given.items() if value is not None})
        row = (item_id, k, *place[:4], version, None if place.fix is None else fix)
        book.execute("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    return item_id


def item_of(book: Ledger, row: tuple) -> Item:
    """The item of a row of `states`."""
    item, round, stage, kind, sequence, probability, score, reason, made_at, *_, state = row
    statement = "SELECT frame, x, y, label, fix FROM places WHERE item = ? ORDER BY place"
    places = tuple(
        Place(*place, None if fix is None else Change(**json.loads(fix)))
        for *place, fix in book.execute(statement, (item,))
    )
    return Item(
        kind, sequence, probability, reason, places, score, item, round, stage, made_at, state
    )
