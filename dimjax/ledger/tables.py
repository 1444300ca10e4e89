"""The review items and decisions of a ledger as tables (pandas).

item_table(db, round=1)                         # all frames of all items, with verb and state
standing_decisions(db, round=1).labels.sum()    # labels changed in round 1
decision_table(db)                              # every decision, including undone ones
"""

import pandas as pd

from dimjax.ledger.database import Ledger

_DECISION_TYPES = {
    **dict.fromkeys(("decision", "item"), "int64"),
    **dict.fromkeys(("verb", "reviewer", "reviewer_kind"), "str"),
    **{"made_at": "float64", "round": "int64"},
}
_LABEL_COUNT = "(SELECT count(*) FROM versions v WHERE v.decision = d.decision)"


def item_table(db: Ledger, round: int | None = None) -> pd.DataFrame:
    """Return all frames of the items of a round, or of all rounds, with their decisions.

    Returns:
      Table with item, round, stage, kind, probability, score, sequence, frame, x, y, label (0:
      none), state, and verb, reviewer ("": none) and decided_in (the round, -1: not decided).
    """
    types = {
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
      FROM item_states s JOIN item_frames f ON f.item = s.item
        LEFT JOIN decisions d ON d.decision = s.decision
      WHERE :round IS NULL OR s.round = :round ORDER BY s.item, frame_index"""
    return _query(db, statement, types, {"round": round})


def decision_table(db: Ledger) -> pd.DataFrame:
    """Return all decisions in order, including undone ones and the undos.

    Returns:
      Table with decision, item, verb, reviewer, reviewer_kind, made_at (UTC), round, cancels (0:
      not an undo), undone and labels (the number of changed labels).
    """
    types = {**_DECISION_TYPES, "cancels": "int64", "undone": "bool", "labels": "int64"}
    statement = f"""
      SELECT {", ".join(_DECISION_TYPES)}, coalesce(cancels, 0),
        EXISTS (SELECT 1 FROM decisions u WHERE u.cancels = d.decision), {_LABEL_COUNT}
      FROM decisions d WHERE item IS NOT NULL ORDER BY decision"""
    return _with_dates(_query(db, statement, types))


def standing_decisions(db: Ledger, round: int | None = None) -> pd.DataFrame:
    """Return the decisions that were not undone, of a round or of all rounds, in order.

    Returns:
      Table with decision, item, verb, reviewer, reviewer_kind, made_at (UTC), round and labels (the
      number of changed labels).
    """
    statement = f"""
      SELECT {", ".join(_DECISION_TYPES)}, {_LABEL_COUNT}
      FROM standing d WHERE item IS NOT NULL AND undone_in IS NULL
        AND (:round IS NULL OR round = :round) ORDER BY decision"""
    return _with_dates(
        _query(db, statement, {**_DECISION_TYPES, "labels": "int64"}, {"round": round})
    )


def _query(db: Ledger, statement: str, types: dict, values: dict | None = None) -> pd.DataFrame:
    with db.read_transaction():
        rows = db.execute(statement, values or {}).fetchall()
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def _with_dates(decisions: pd.DataFrame) -> pd.DataFrame:
    return decisions.assign(made_at=pd.to_datetime(decisions.made_at, unit="s", utc=True))
