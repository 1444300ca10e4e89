"""The queue of the review: items handed out to reviewers, chosen, counted and listed.

An item handed out is leased: nobody else gets it for some time. What cannot be decided is not
handed out.

    item, upcoming = draw(book, "ann", count=2, kinds=["wrong_position"])
    get_items(book, states=["skipped"], sequences=["flight3"])
    progress(book, reviewer="ann").seconds_left
    item_table(book)                                # all places of all items, with verb and state
"""

import itertools
import json
import math
import statistics
from collections.abc import Sequence
from typing import Any

import pandas as pd

from dimjax.ledger.creation import current_round, sequence_shapes
from dimjax.ledger.database import Ledger
from dimjax.ledger.items import check_sequence, item_of
from dimjax.ledger.values import KINDS, STATES, Item, Progress, name_of, number, one_of, whole

LEASE_SECONDS = 300.0

_ORDERS = {
    "probability": "probability DESC, item",
    "score": "score DESC, item",
    "place": "sequence, (SELECT min(frame) FROM places p WHERE p.item = s.item), item",
}
_PACE = 20  # decisions whose pace is measured


def draw(
    book: Ledger,
    reviewer: str,
    count: int = 1,
    kinds: Sequence[str] = (),
    sequences: Sequence[str] = (),
    order: str = "probability",
    skipped: bool = False,
    seconds: float = LEASE_SECONDS,
) -> list[Item]:
    """Hand out the next items; nobody else gets them until the lease ends.

    Those that the reviewer holds already come first and are leased anew; those he held and does
    not get again are free.

    Args:
      book: The ledger.
      reviewer: Who reviews; two pages at once need two names.
      count: How many at most.
      kinds: Only these; by default all.
      sequences: Only of these; by default all.
      order: "probability" or "score" (falling), or "place" (along the sequences).
      skipped: Whether skipped items come too, in this order with the others.
      seconds: Length of the lease.

    Returns:
      At most count items; none when nothing is left.

    Raises:
      InputError: An argument is wrong.
    """
    where = "next item"
    count, seconds = whole(where, "count", count), number(where, "seconds", seconds)
    states = ("open", "skipped") if skipped else ("open",)
    with book.writing():
        now = book.clock()
        chosen, values = _chosen(book, kinds, sequences, states, current_round(book))
        values |= {"reviewer": name_of(where, "reviewer", reviewer), "now": now}
        mine = "item IN (SELECT item FROM leases WHERE reviewer = :reviewer)"
        taken = "item IN (SELECT item FROM leases WHERE reviewer <> :reviewer AND until > :now)"
        rows = []
        for free in (mine, f"NOT {mine} AND NOT {taken}"):
            statement = f"SELECT * FROM states s WHERE {free} AND {chosen} ORDER BY {_order(order)}"
            values["count"] = count - len(rows)
            rows += book.execute(f"{statement} LIMIT :count", values).fetchall()
        book.execute("DELETE FROM leases WHERE reviewer = ? OR until <= ?", (reviewer, now))
        for row in rows:
            book.execute("INSERT INTO leases VALUES (?, ?, ?)", (row[0], reviewer, now + seconds))
        return [item_of(book, row) for row in rows]


def get_items(
    book: Ledger,
    states: Sequence[str] = (),
    kinds: Sequence[str] = (),
    sequences: Sequence[str] = (),
    round: int | None = None,
    order: str = "probability",
) -> list[Item]:
    """The items of some states, kinds, sequences and a round; by default all.

    Raises:
      InputError: A filter or the order is unknown.
    """
    with book.reading():
        chosen, values = _chosen(book, kinds, sequences, states, round)
        statement = f"SELECT * FROM states s WHERE {chosen} ORDER BY {_order(order)}"
        return [item_of(book, row) for row in book.execute(statement, values).fetchall()]


def progress(
    book: Ledger,
    kinds: Sequence[str] = (),
    sequences: Sequence[str] = (),
    reviewer: str | None = None,
) -> Progress:
    """How far the review of the current round is, and the pace of all or of one reviewer.

    Raises:
      InputError: A filter is unknown.
    """
    with book.reading():
        chosen, values = _chosen(book, kinds, sequences, (), current_round(book))
        statement = f"""SELECT state, count(*), count(l.item)
          FROM states s LEFT JOIN leases l ON l.item = s.item AND until > :now
          WHERE {chosen} GROUP BY state"""
        found = book.execute(statement, {**values, "now": book.clock()}).fetchall()
        seconds = _seconds_each(book, reviewer)
    counts = {state: number for state, number, _ in found}
    open, skipped, decided, stale = (counts.get(state, 0) for state in STATES[:4])
    leased = sum(number for state, _, number in found if state in ("open", "skipped"))
    per_minute = 60 / seconds if seconds else math.inf
    return Progress(open, skipped, decided, stale, leased, per_minute, open * seconds)


def decided_by(book: Ledger, reviewer: str) -> int:
    """How many items of the current round a reviewer has decided or skipped."""
    statement = """SELECT count(DISTINCT item) FROM standing
      WHERE reviewer = ? AND round = ? AND undone_in IS NULL"""
    with book.reading():
        return book.execute(statement, (reviewer, current_round(book))).fetchone()[0]


def item_table(book: Ledger, round: int | None = None) -> pd.DataFrame:
    """All places of the items of a round, or of all, with what was decided.

    Returns:
      Table with item, round, stage, kind, probability, score, sequence, frame, x, y, label (0:
      none), state, and verb, reviewer ("": none) and decided_in (the round, -1: not decided).
    """
    columns = {
        **dict.fromkeys(("item", "round"), "int64"),
        **dict.fromkeys(("stage", "kind"), "str"),
        **dict.fromkeys(("probability", "score"), "float64"),
        **{"sequence": "str", "frame": "int64", "x": "float64", "y": "float64", "label": "int64"},
        **dict.fromkeys(("state", "verb", "reviewer"), "str"),
        "decided_in": "int64",
    }
    statement = """
      SELECT s.item, s.round, stage, kind, probability, score, sequence, frame, x, y,
        coalesce(label, 0), state, coalesce(s.verb, ''), coalesce(s.reviewer, ''),
        coalesce(d.round, -1)
      FROM states s JOIN places p ON p.item = s.item
        LEFT JOIN decisions d ON d.decision = s.decision
      WHERE :round IS NULL OR s.round = :round ORDER BY s.item, place"""
    with book.reading():
        rows = book.execute(statement, {"round": round}).fetchall()
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def _seconds_each(book: Ledger, reviewer: str | None) -> float:
    """Median time from decision to decision, which a pause moves little; NaN before the second."""
    statement = """SELECT made_at FROM decisions
      WHERE item IS NOT NULL AND cancels IS NULL AND (:reviewer IS NULL OR reviewer = :reviewer)
      ORDER BY decision DESC LIMIT :limit"""
    values = {"reviewer": reviewer, "limit": _PACE + 1}
    times = [made_at for (made_at,) in book.execute(statement, values)]
    gaps = [max(later - earlier, 0.0) for later, earlier in itertools.pairwise(times)]
    return statistics.median(gaps) if gaps else math.nan


def _order(order: str) -> str:
    return _ORDERS[one_of("review items", "order", order, tuple(_ORDERS))]


def _chosen(book: Ledger, kinds, sequences, states, round) -> tuple[str, dict[str, Any]]:
    """Condition that rows of `states s` are chosen, and its values."""
    where, shapes = "review items", sequence_shapes(book)
    for kind in kinds:
        one_of(where, "kind", kind, KINDS)
    for state in states:
        one_of(where, "state", state, STATES)
    for sequence in sequences:
        check_sequence(where, sequence, shapes)
    conditions, values = ["TRUE"], {}
    if round is not None:
        conditions.append("s.round = :round")
        values["round"] = whole(where, "round", round)
    for name, chosen in (("kind", kinds), ("sequence", sequences), ("state", states)):
        if chosen:
            conditions.append(f"s.{name} IN (SELECT value FROM json_each(:{name}))")
            values[name] = json.dumps(list(chosen))
    return " AND ".join(conditions), values
