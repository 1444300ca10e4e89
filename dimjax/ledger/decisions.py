"""Decisions: appended with their label changes, and undone by appending a cancellation.

A decision settles all frames of its item and is undone as a whole. A refused call changes nothing.

    decide(db, item.id, "accept", "ann")
    decide(db, item.id, "move", "ann", changes=[Change(label=3, x=44.0, y=20.5)])
    undo(db, "ann")                                 # ann's newest decision of this round
    decisions = decide_all(db, get_items(db, ["open"]), "accept", "ann")
    undo_all(db, "ann", decisions[-1].id)           # those made as one with it
    standing_decisions(db)                          # without undone ones
"""

import contextlib
from collections.abc import Iterable, Sequence

from dimjax.data.labels import broken_rule
from dimjax.errors import InputError
from dimjax.ledger.changes import check_verb, label_after, requested_changes
from dimjax.ledger.checks import as_choice, as_int
from dimjax.ledger.creation import Shapes, current_round, sequence_shapes
from dimjax.ledger.database import Ledger
from dimjax.ledger.items import get_item
from dimjax.ledger.label_history import current_label, labels_of_frame
from dimjax.ledger.queue import LEASE_SECONDS, as_duration, check_available, extend_lease
from dimjax.ledger.values import VERBS, Change, Decision, Item, Label, as_reviewer

_COLUMNS = "decision, item, verb, reviewer, reviewer_kind, made_at, round, cancels"


class DuplicateLabelError(InputError):
    """A decision would leave two labels with one location and category in a frame."""


def decide(
    db: Ledger,
    item: int,
    verb: str,
    reviewer: str,
    reviewer_kind: str = "person",
    changes: Sequence[Change] | None = None,
    made_at: float | None = None,
) -> Decision:
    """Append a decision. It is on the disk when the function returns.

    Args:
      db: The ledger.
      item: Id of an open or skipped item.
      verb: One of VERBS. "accept" applies the suggested changes, or the given subset of them.
        "keep" and "skip" change nothing. Every other verb requires at least one change of its
        kind, and permits further changes of other kinds.
      reviewer: Name of the reviewer.
      reviewer_kind: One of REVIEWER_KINDS; it becomes the source of the changed labels.
      changes: Changes of the item's labels, or new labels in its sequence.
      made_at: Time of the decision, seconds since 1970; by default the present.

    Raises:
      UnavailableItemError: The item is decided, stale, lapsed or leased to another reviewer.
      DuplicateLabelError: A frame would contain the same label twice.
      InputError: The item does not exist, or a value is invalid.
    """
    subject = f"{db.path} item {item}"
    as_choice(subject, "verb", verb, VERBS)
    as_reviewer(subject, reviewer, reviewer_kind)
    with db.write_transaction():
        decided = get_item(db, item)
        check_available(db, decided, reviewer, subject)
        changes = requested_changes(decided, verb, changes, subject)
        before = [None if c.label is None else current_label(db, c.label) for c in changes]
        check_verb(verb, changes, before, subject)
        made_at = db.clock() if made_at is None else made_at
        decision = _append(db, (decided.id, verb, reviewer, reviewer_kind, made_at))
        shapes = sequence_shapes(db)
        for change, label in zip(changes, before, strict=True):
            _write(db, label_after(change, label, reviewer_kind, decision), shapes, subject)
        _check_duplicates(db, decision, subject, "Keep the existing label, or place this apart.")
        db.execute("DELETE FROM leases WHERE item = ?", (decided.id,))
        return _decision(db, decision)


def undo(
    db: Ledger,
    reviewer: str,
    decision: int | None = None,
    reviewer_kind: str = "person",
    seconds: float = LEASE_SECONDS,
) -> Decision:
    """Append a cancellation of a reviewer's own decision. Its item is open again, leased to them.

    Args:
      db: The ledger.
      reviewer: Name of the reviewer who took the decision and undoes it.
      decision: Id of the decision; by default the reviewer's newest decision of this round.
      reviewer_kind: One of REVIEWER_KINDS.
      seconds: Duration of the lease, at most 600.

    Raises:
      InputError: The decision does not exist, belongs to another reviewer or an earlier round, is
        already undone, or a later decision builds on it.
    """
    as_reviewer("undo", reviewer, reviewer_kind)
    with db.write_transaction():
        if decision is None:
            decision = _newest_of(db, reviewer)
        undone = _decision(db, as_int("undo", "decision", decision))
        subject = f"{db.path} decision {decision}"
        _check_own(undone, reviewer, subject)
        _check_undoable(db, undone, subject)
        values = (undone.item, "undo", reviewer, reviewer_kind, db.clock())
        cancellation = _append(db, values, undone.id)
        remedy = "First undo the decision that put the other label there."
        _check_duplicates(db, undone.id, subject, remedy)
        extend_lease(db, undone.item, reviewer, as_duration("undo", seconds))
        return _decision(db, cancellation)


def decide_all(db: Ledger, items: Iterable[Item], verb: str, reviewer: str) -> list[Decision]:
    """Append one decision on each item, except those leased to others or in conflict.

    The decisions have the same time, by which `undo_all` recognises them.

    Args:
      db: The ledger.
      items: Open or skipped items.
      verb: "accept", "keep" or "skip".
      reviewer: Name of the reviewer.
    """
    decisions = []
    with db.write_transaction():
        made_at = db.clock()
        for item in items:
            with contextlib.suppress(InputError):
                decisions.append(decide(db, item.id, verb, reviewer, made_at=made_at))
    return decisions


def undo_all(db: Ledger, reviewer: str, decision: int) -> list[Decision]:
    """Undo a decision and all made as one with it, or none of them; return the cancellations.

    The first item, whose cancellation comes last, is leased to the reviewer.

    Raises:
      InputError: One of the decisions cannot be undone.
    """
    statement = """SELECT decision FROM standing
      WHERE undone_in IS NULL AND reviewer = ? AND round = ?
        AND made_at = (SELECT made_at FROM decisions WHERE decision = ?) ORDER BY decision DESC"""
    with db.write_transaction():
        rows = db.execute(statement, (reviewer, current_round(db), decision)).fetchall()
        *later, first = [row[0] for row in rows if (decision,) in rows] or [decision]
        cancellations = [undo(db, reviewer, other, seconds=0.0) for other in later]
        return [*cancellations, undo(db, reviewer, first)]


def _append(db: Ledger, values: tuple, cancels: int | None = None) -> int:
    """Append a decision of item, verb, reviewer, kind of reviewer and time; return its id."""
    row = (*values, current_round(db), cancels)
    statement = "INSERT INTO decisions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
    return db.execute(statement, row).lastrowid


def _write(db: Ledger, label: Label, shapes: Shapes, subject: str) -> None:
    """Append a label version; a new label gets the next id."""
    broken = broken_rule(label, shapes)
    if broken is not None:
        raise InputError(subject, *broken, "Correct the change.")
    if not label.id:
        newest = db.execute("SELECT coalesce(max(label), 0) FROM versions").fetchone()[0]
        label = label._replace(id=newest + 1)
    db.execute(f"INSERT INTO versions VALUES (?{', ?' * 11})", label)


def _check_duplicates(db: Ledger, decision: int, subject: str, remedy: str) -> None:
    """Raise if a frame of the decision contains the same label twice."""
    statement = "SELECT DISTINCT sequence, frame FROM versions WHERE decision = ?"
    for sequence, frame in db.execute(statement, (decision,)).fetchall():
        labels = labels_of_frame(db, sequence, frame)
        if len({(label.x, label.y, label.category) for label in labels}) < len(labels):
            rule = "a frame must not contain two labels with one location and category"
            value = f"{sequence} frame {frame} with such labels"
            raise DuplicateLabelError(subject, rule, value, remedy)


def _newest_of(db: Ledger, reviewer: str) -> int:
    statement = """SELECT max(decision) FROM standing
      WHERE reviewer = ? AND round = ? AND undone_in IS NULL AND item IS NOT NULL"""
    (decision,) = db.execute(statement, (reviewer, current_round(db))).fetchone()
    if decision is None:
        rule = f"{reviewer} must have a standing decision in this round"
        raise InputError("undo", rule, "none", "There is nothing to undo.")
    return decision


def _check_own(decision: Decision, reviewer: str, subject: str) -> None:
    if decision.reviewer != reviewer:
        rule = f"{reviewer} may undo only decisions of {reviewer}"
        remedy = f"Ask {decision.reviewer} to undo it, or undo it under that name."
        raise InputError(subject, rule, f"one of {decision.reviewer}", remedy)


def _check_undoable(db: Ledger, decision: Decision, subject: str) -> None:
    rule = "only a standing decision can be undone"
    if decision.verb == "undo":
        raise InputError(subject, rule, "an undo", "Decide the item again.")
    statement = "SELECT reviewer FROM decisions WHERE cancels = ?"
    undone_by = db.execute(statement, (decision.id,)).fetchone()
    if undone_by is not None:
        raise InputError(subject, rule, f"one undone by {undone_by[0]}", "Decide the item again.")
    round = current_round(db)
    if decision.round < round:  # its item has lapsed: nobody could decide it again
        rule = f"only a decision of the newest round, {round}, can be undone"
        remedy = "That round already has its labels: continue with its items."
        raise InputError(subject, rule, f"one of round {decision.round}", remedy)
    statement = """SELECT v.label, v.decision FROM versions v JOIN standing s USING (decision)
      WHERE s.undone_in IS NULL AND v.decision > ?
        AND v.label IN (SELECT label FROM versions WHERE decision = ?) ORDER BY v.decision DESC"""
    later = db.execute(statement, (decision.id, decision.id)).fetchone()
    if later is not None:
        rule = "a decision can be undone only if no later one builds on it"
        value = f"decision {later[1]} on label {later[0]}"
        raise InputError(subject, rule, value, f"Undo decision {later[1]} first.")


def _decision(db: Ledger, decision: int) -> Decision:
    statement = f"SELECT {_COLUMNS} FROM decisions WHERE decision = ? AND item IS NOT NULL"
    row = db.execute(statement, (decision,)).fetchone()
    if row is None:
        subject, rule = f"{db.path} decision {decision}", "the decision must exist in the ledger"
        raise InputError(subject, rule, "none", "Choose one of its decisions.")
    statement = "SELECT label FROM versions WHERE decision = ? ORDER BY label"
    labels = tuple(label for (label,) in db.execute(statement, (decision,)))
    return Decision(*row, labels)
