"""Decisions: what a reviewer made of an item, appended with what it changes, and undone so too.

One decision settles all frames of its item, and is undone as one. Whatever is refused has changed
nothing.

    decide(book, item.id, "accept", "ann")
    decide(book, item.id, "move", "ann", changes=[Change(label=3, x=44.0, y=20.5)])
    undo(book, "ann")                               # ann's newest decision of this round
    decision_table(book)
"""

from collections.abc import Sequence

import pandas as pd

from dimjax.data.labels import broken_rule
from dimjax.errors import InputError
from dimjax.ledger.changes import check_verb, label_after, wanted_changes
from dimjax.ledger.creation import Shapes, current_round, sequence_shapes
from dimjax.ledger.database import Ledger
from dimjax.ledger.items import get_item
from dimjax.ledger.label_history import label_now, labels_of_frame
from dimjax.ledger.queue import LEASE_SECONDS
from dimjax.ledger.values import (
    REVIEWERS,
    VERBS,
    Change,
    Decision,
    Item,
    Label,
    name_of,
    number,
    one_of,
    whole,
)

_COLUMNS = "decision, item, verb, reviewer, reviewer_kind, made_at, round, cancels"


def decide(
    book: Ledger,
    item: int,
    verb: str,
    reviewer: str,
    reviewer_kind: str = "person",
    changes: Sequence[Change] | None = None,
) -> Decision:
    """Append a decision; when this returns, it is on the disk.

    Args:
      book: The ledger.
      item: Id of an open or skipped item.
      verb: One of VERBS. "accept" makes the suggested changes, or those of them that are given;
        "keep" and "skip" change nothing; each other verb needs at least one change of its own
        kind, beside which there may be changes of other kinds.
      reviewer: Name of who decides.
      reviewer_kind: One of REVIEWERS; it becomes the source of the labels changed.
      changes: To labels of the item, or new labels in its sequence.

    Raises:
      InputError: The item is unknown, decided, stale, lapsed or leased to somebody else, or a
        value is wrong.
    """
    where = f"{book.path} item {item}"
    one_of(where, "verb", verb, VERBS)
    one_of(where, "reviewer kind", reviewer_kind, REVIEWERS)
    name_of(where, "reviewer", reviewer)
    with book.writing():
        found = get_item(book, item)
        _check_undecided(book, found, reviewer, where)
        wanted = wanted_changes(found, verb, changes, where)
        before = [None if c.label is None else label_now(book, c.label) for c in wanted]
        check_verb(verb, wanted, before, where)
        decision = _append(book, found.id, verb, reviewer, reviewer_kind)
        shapes = sequence_shapes(book)
        for change, label in zip(wanted, before, strict=True):
            _write(book, label_after(change, label, reviewer_kind, decision), shapes, where)
        _check_doubles(book, decision, where, "Keep the label that is there, or place this apart.")
        book.execute("DELETE FROM leases WHERE item = ?", (found.id,))
        return _decision(book, decision)


def undo(
    book: Ledger,
    reviewer: str,
    decision: int | None = None,
    reviewer_kind: str = "person",
    seconds: float = LEASE_SECONDS,
) -> Decision:
    """Append a decision that cancels another; its item is open again, leased to the reviewer.

    Args:
      book: The ledger.
      reviewer: Name of who undoes.
      decision: Id of what to undo; by default the reviewer's newest decision of this round.
      reviewer_kind: One of REVIEWERS.
      seconds: Length of the lease.

    Raises:
      InputError: There is no such decision, it is of an earlier round, it is undone already, or a
        later one builds on it.
    """
    one_of("undo", "reviewer kind", reviewer_kind, REVIEWERS)
    name_of("undo", "reviewer", reviewer)
    with book.writing():
        if decision is None:
            decision = _newest_of(book, reviewer)
        undone = _decision(book, whole("undo", "decision", decision))
        where = f"{book.path} decision {decision}"
        _check_undoable(book, undone, where)
        undoing = _append(book, undone.item, "undo", reviewer, reviewer_kind, undone.id)
        _check_doubles(book, undone.id, where, "Undo what put the other label there first.")
        _lease(book, undone.item, reviewer, number("undo", "seconds", seconds))
        return _decision(book, undoing)


def decision_table(book: Ledger) -> pd.DataFrame:
    """All decisions, undos too, in their order.

    Returns:
      Table with decision, item, verb, reviewer, reviewer_kind, made_at (UTC), round, cancels (0:
      is no undo), undone and labels (how many it changed).
    """
    columns = {
        **dict.fromkeys(("decision", "item"), "int64"),
        **dict.fromkeys(("verb", "reviewer", "reviewer_kind"), "str"),
        **{"made_at": "float64", "round": "int64", "cancels": "int64"},
        **{"undone": "bool", "labels": "int64"},
    }
    statement = """
      SELECT decision, item, verb, reviewer, reviewer_kind, made_at, round, coalesce(cancels, 0),
        EXISTS (SELECT 1 FROM decisions u WHERE u.cancels = d.decision),
        (SELECT count(*) FROM versions v WHERE v.decision = d.decision)
      FROM decisions d WHERE item IS NOT NULL ORDER BY decision"""
    with book.reading():
        rows = book.execute(statement).fetchall()
    table = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    return table.assign(made_at=pd.to_datetime(table.made_at, unit="s", utc=True))


def _check_undecided(book: Ledger, item: Item, reviewer: str, where: str) -> None:
    remedies = {
        "decided": "Undo that decision first.",
        "stale": "Its labels have changed since it was made: go on with the next item.",
        "lapsed": "Go on with the items of the newest round.",
    }
    if item.state in remedies:
        rule = "only an open or skipped item can be decided"
        raise InputError(where, rule, f"a {item.state} one", remedies[item.state])
    statement = "SELECT reviewer FROM leases WHERE item = ? AND reviewer <> ? AND until > ?"
    other = book.execute(statement, (item.id, reviewer, book.clock())).fetchone()
    if other is not None:
        rule = f"the item must not be in the hands of somebody else than {reviewer}"
        raise InputError(where, rule, other[0], "Go on with the next item.")


def _append(
    book: Ledger, item: int, verb: str, reviewer: str, kind: str, cancels: int | None = None
) -> int:
    row = (item, verb, reviewer, kind, book.clock(), current_round(book), cancels)
    statement = "INSERT INTO decisions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
    return book.execute(statement, row).lastrowid


def _lease(book: Ledger, item: int, reviewer: str, seconds: float) -> None:
    """Lease an item, unless somebody else holds it."""
    now = book.clock()
    statement = """INSERT INTO leases VALUES (:item, :reviewer, :until)
      ON CONFLICT DO UPDATE SET reviewer = :reviewer, until = :until
      WHERE reviewer = :reviewer OR until <= :now"""
    values = {"item": item, "reviewer": reviewer, "until": now + seconds, "now": now}
    book.execute(statement, values)


def _write(book: Ledger, label: Label, shapes: Shapes, where: str) -> None:
    """Append a label as a decision left it; a new one gets the next id."""
    broken = broken_rule(label, shapes)
    if broken is not None:
        raise InputError(where, *broken, "Correct the change.")
    if not label.id:
        newest = book.execute("SELECT coalesce(max(label), 0) FROM versions").fetchone()[0]
        label = label._replace(id=newest + 1)
    book.execute(f"INSERT INTO versions VALUES (?{', ?' * 11})", label)


def _check_doubles(book: Ledger, decision: int, where: str, remedy: str) -> None:
    """Refuse a decision that has left a frame with the same label twice."""
    statement = "SELECT DISTINCT sequence, frame FROM versions WHERE decision = ?"
    for frame in book.execute(statement, (decision,)).fetchall():
        labels = labels_of_frame(book, *frame)
        seen = {(label.x, label.y, label.category) for label in labels}
        if len(seen) < len(labels):
            rule = "a frame must not hold two labels of one place and category"
            found = f"{frame[0]} frame {frame[1]} with such labels"
            raise InputError(where, rule, found, remedy)


def _newest_of(book: Ledger, reviewer: str) -> int:
    statement = """SELECT max(decision) FROM standing
      WHERE reviewer = ? AND round = ? AND undone_in IS NULL AND item IS NOT NULL"""
    (decision,) = book.execute(statement, (reviewer, current_round(book))).fetchone()
    if decision is None:
        rule = f"{reviewer} must have decided something in this round"
        raise InputError("undo", rule, "nothing that stands", "There is nothing to undo.")
    return decision


def _check_undoable(book: Ledger, decision: Decision, where: str) -> None:
    rule = "only a decision that stands can be undone"
    if decision.verb == "undo":
        raise InputError(where, rule, "an undo", "Decide the item again.")
    statement = "SELECT reviewer FROM decisions WHERE cancels = ?"
    undone_by = book.execute(statement, (decision.id,)).fetchone()
    if undone_by is not None:
        raise InputError(where, rule, f"one undone by {undone_by[0]}", "Decide the item again.")
    round = current_round(book)
    if decision.round < round:  # its item has lapsed: nobody could decide it again
        rule = f"only a decision of round {round}, the newest, can be undone"
        remedy = "The newest round has its labels already: go on with that round's items."
        raise InputError(where, rule, f"one of round {decision.round}", remedy)
    statement = """SELECT v.label, v.decision FROM versions v JOIN standing s USING (decision)
      WHERE s.undone_in IS NULL AND v.decision > ?
        AND v.label IN (SELECT label FROM versions WHERE decision = ?) ORDER BY v.decision DESC"""
    later = book.execute(statement, (decision.id, decision.id)).fetchone()
    if later is not None:
        rule = "no later decision may build on one that is undone"
        found = f"decision {later[1]} on label {later[0]}"
        raise InputError(where, rule, found, f"Undo decision {later[1]} first.")


def _decision(book: Ledger, decision: int) -> Decision:
    statement = f"SELECT {_COLUMNS} FROM decisions WHERE decision = ? AND item IS NOT NULL"
    row = book.execute(statement, (decision,)).fetchone()
    if row is None:
        rule = "a decision must be one of the ledger"
        raise InputError(f"{book.path} decision {decision}", rule, "none", "Look at its decisions.")
    statement = "SELECT label FROM versions WHERE decision = ? ORDER BY label"
    labels = tuple(label for (label,) in book.execute(statement, (decision,)))
    return Decision(*row, labels)
