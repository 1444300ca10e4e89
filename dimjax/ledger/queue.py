"""The review queue: items are selected, leased to reviewers and counted.

A leased item is not handed to any other reviewer until the lease ends. Items that cannot be decided
are not handed out.

    current, following = lease_items(db, "ann", count=2, kinds=["wrong_position"])
    get_items(db, states=["skipped"], sequences=["flight3"])
    progress(db, reviewer="ann").seconds_left
"""

import itertools
import json
import math
import statistics
from collections.abc import Sequence
from typing import Any

from dimjax.errors import InputError
from dimjax.ledger.checks import as_choice, as_float, as_int, as_name
from dimjax.ledger.creation import current_round, sequence_shapes
from dimjax.ledger.database import Ledger
from dimjax.ledger.items import check_sequence, item_from_row
from dimjax.ledger.values import KINDS, STATES, Item, Progress

LEASE_SECONDS = 300.0
_LONGEST_LEASE_SECONDS = 600.0

_ORDERS = {
    "probability": "probability DESC, item",
    "score": "score DESC, item",
    "frame": "sequence, (SELECT min(frame) FROM item_frames f WHERE f.item = s.item), item",
}
# A lease holds at a time :now. One that would end later than any can was made before the clock was
# set back, and would keep its item from everybody until the clock has caught up.
_HOLDS = f"until > :now AND until <= :now + {_LONGEST_LEASE_SECONDS}"

_RATE_DECISIONS = 20  # the latest decisions, whose rate is measured
_AS_ONE_SECONDS = 0.1  # decisions nearer in time than this were made as one
_REMEDIES = {
    "decided": "Undo that decision first.",
    "stale": "Its labels have changed since it was made: continue with the next item.",
    "lapsed": "Continue with the items of the newest round.",
}


class UnavailableItemError(InputError):
    """An item is decided, stale, lapsed or leased to another reviewer."""


def lease_items(
    db: Ledger,
    reviewer: str,
    count: int = 1,
    kinds: Sequence[str] = (),
    sequences: Sequence[str] = (),
    order: str = "probability",
    skipped: bool = False,
    seconds: float = LEASE_SECONDS,
) -> list[Item]:
    """Lease the next items to a reviewer.

    Items that the reviewer holds already come first, with a new lease; the reviewer's other leases
    end.

    Args:
      db: The ledger.
      reviewer: Name of the reviewer; two pages at once need two names.
      count: Maximum number of items.
      kinds: Only items of these kinds; by default all.
      sequences: Only items of these sequences; by default all.
      order: "probability" or "score" (descending), or "frame" (by sequence and frame).
      skipped: Whether to include skipped items, in the same order.
      seconds: Duration of the lease, at most 600.

    Returns:
      At most count items; an empty list if none is left.

    Raises:
      InputError: An argument is invalid.
    """
    subject = "next items"
    count, seconds = as_int(subject, "count", count), as_duration(subject, seconds)
    states = ("open", "skipped") if skipped else ("open",)
    with db.write_transaction():
        now = db.clock()
        condition, values = _condition(db, kinds, sequences, states, current_round(db))
        values |= {"reviewer": as_name(subject, "reviewer", reviewer), "now": now}
        held = "item IN (SELECT item FROM leases WHERE reviewer = :reviewer)"
        taken = f"item IN (SELECT item FROM leases WHERE reviewer <> :reviewer AND {_HOLDS})"
        rows = []
        for source in (held, f"NOT {held} AND NOT {taken}"):
            statement = f"SELECT * FROM item_states s WHERE {source} AND {condition}"
            values["count"] = count - len(rows)
            statement += f" ORDER BY {_sql_order(order)} LIMIT :count"
            rows += db.execute(statement, values).fetchall()
        db.execute(f"DELETE FROM leases WHERE reviewer = :reviewer OR NOT ({_HOLDS})", values)
        for row in rows:
            db.execute("INSERT INTO leases VALUES (?, ?, ?)", (row[0], reviewer, now + seconds))
        return [item_from_row(db, row) for row in rows]


def as_duration(subject: str, seconds: float) -> float:
    """Return the duration of a lease."""
    converted = as_float(subject, "seconds", seconds)
    if converted > _LONGEST_LEASE_SECONDS:
        rule = f"seconds must be at most {_LONGEST_LEASE_SECONDS:.0f}"
        raise InputError(subject, rule, repr(seconds), "Correct it.")
    return converted


def extend_lease(db: Ledger, item: int, reviewer: str, seconds: float) -> None:
    """Lease an item to a reviewer, unless another reviewer holds it."""
    now = db.clock()
    statement = f"""INSERT INTO leases VALUES (:item, :reviewer, :until)
      ON CONFLICT DO UPDATE SET reviewer = :reviewer, until = :until
      WHERE reviewer = :reviewer OR NOT ({_HOLDS})"""
    values = {"item": item, "reviewer": reviewer, "until": now + seconds, "now": now}
    db.execute(statement, values)


def check_available(db: Ledger, item: Item, reviewer: str, subject: str) -> None:
    """Raise an UnavailableItemError if the reviewer cannot decide the item now."""
    if item.state in _REMEDIES:
        rule = "only an open or skipped item can be decided"
        raise UnavailableItemError(subject, rule, f"a {item.state} one", _REMEDIES[item.state])
    values = {"item": item.id, "reviewer": reviewer, "now": db.clock()}
    other = f"item = :item AND reviewer <> :reviewer AND {_HOLDS}"
    holder = db.execute(f"SELECT reviewer FROM leases WHERE {other}", values).fetchone()
    if holder is not None:
        rule = f"the item must not be leased to a reviewer other than {reviewer}"
        raise UnavailableItemError(subject, rule, holder[0], "Continue with the next item.")


def get_items(
    db: Ledger,
    states: Sequence[str] = (),
    kinds: Sequence[str] = (),
    sequences: Sequence[str] = (),
    round: int | None = None,
    order: str = "probability",
) -> list[Item]:
    """Return the items of some states, kinds, sequences and of a round; by default all.

    Raises:
      InputError: A filter or the order is unknown.
    """
    with db.read_transaction():
        condition, values = _condition(db, kinds, sequences, states, round)
        statement = f"SELECT * FROM item_states s WHERE {condition} ORDER BY {_sql_order(order)}"
        return [item_from_row(db, row) for row in db.execute(statement, values).fetchall()]


def progress(
    db: Ledger,
    kinds: Sequence[str] = (),
    sequences: Sequence[str] = (),
    reviewer: str | None = None,
) -> Progress:
    """Return the progress of the current round's review, and the rate of all or of one reviewer.

    Raises:
      InputError: A filter is unknown.
    """
    with db.read_transaction():
        condition, values = _condition(db, kinds, sequences, (), current_round(db))
        statement = f"""SELECT state, count(*), count(l.item)
          FROM item_states s LEFT JOIN leases l ON l.item = s.item AND {_HOLDS}
          WHERE {condition} GROUP BY state"""
        rows = db.execute(statement, {**values, "now": db.clock()}).fetchall()
        seconds = _seconds_per_decision(db, reviewer)
    counts = {state: count for state, count, _ in rows}
    open, skipped, decided, stale = (counts.get(state, 0) for state in STATES[:4])
    leased = sum(count for state, _, count in rows if state in ("open", "skipped"))
    per_minute = 60 / seconds if seconds else math.inf
    return Progress(open, skipped, decided, stale, leased, per_minute, open * seconds)


def seconds_until_free(db: Ledger, reviewer: str) -> float:
    """Return how long the leases of other reviewers last at most, 0 without any, seconds."""
    with db.read_transaction():
        values = {"reviewer": reviewer, "now": db.clock()}
        statement = f"SELECT max(until) - :now FROM leases WHERE reviewer <> :reviewer AND {_HOLDS}"
        return db.execute(statement, values).fetchone()[0] or 0.0


def count_decided(db: Ledger, reviewer: str) -> int:
    """Return how many items of the current round a reviewer has decided or skipped."""
    statement = """SELECT count(DISTINCT item) FROM standing
      WHERE reviewer = ? AND round = ? AND undone_in IS NULL"""
    with db.read_transaction():
        return db.execute(statement, (reviewer, current_round(db))).fetchone()[0]


def _seconds_per_decision(db: Ledger, reviewer: str | None) -> float:
    """Median interval between decisions, robust to breaks; NaN before the second decision."""
    statement = """SELECT made_at FROM decisions
      WHERE item IS NOT NULL AND cancels IS NULL AND (:reviewer IS NULL OR reviewer = :reviewer)
      ORDER BY decision DESC LIMIT :limit"""
    values = {"reviewer": reviewer, "limit": _RATE_DECISIONS + 1}
    times = [made_at for (made_at,) in db.execute(statement, values)]
    intervals = [later - earlier for later, earlier in itertools.pairwise(times)]
    intervals = [seconds for seconds in intervals if seconds > _AS_ONE_SECONDS]
    return statistics.median(intervals) if intervals else math.nan


def _sql_order(order: str) -> str:
    return _ORDERS[as_choice("review items", "order", order, tuple(_ORDERS))]


def _condition(db: Ledger, kinds, sequences, states, round) -> tuple[str, dict[str, Any]]:
    """SQL condition that selects rows of `item_states s`, and its values."""
    subject, shapes = "review items", sequence_shapes(db)
    for kind in kinds:
        as_choice(subject, "kind", kind, KINDS)
    for state in states:
        as_choice(subject, "state", state, STATES)
    for sequence in sequences:
        check_sequence(subject, sequence, shapes)
    conditions, values = ["TRUE"], {}
    if round is not None:
        conditions.append("s.round = :round")
        values["round"] = as_int(subject, "round", round)
    for name, selected in (("kind", kinds), ("sequence", sequences), ("state", states)):
        if selected:
            conditions.append(f"s.{name} IN (SELECT value FROM json_each(:{name}))")
            values[name] = json.dumps(list(selected))
    return " AND ".join(conditions), values
