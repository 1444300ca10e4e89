"""Label tables reconstructed from the ledger: as of any round, or of one frame.

A label keeps its id through all changes. The labels as of round r are those of round 0 with the
decisions of rounds 0 to r - 1 applied. They are the labels that round r trains on, and later
decisions do not alter them.

    labels_as_of(db, 2)                             # label table, index `label`
    labels_as_of(db)                                # with all decisions up to now
    export(db, 2, "runs/demo/rounds/2/labels.csv")
    diff(db, 0, 2)                                  # added, removed, moved, resized, recategorised
"""

from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.labels import COLUMNS, write_table
from dimjax.errors import InputError
from dimjax.ledger.checks import as_int, as_text
from dimjax.ledger.creation import current_round
from dimjax.ledger.database import Ledger
from dimjax.ledger.values import Label

_TYPES = {
    **dict.fromkeys(("sequence", "category", "track", "source"), "str"),
    **dict.fromkeys(("label", "frame"), "int64"),
    **dict.fromkeys(("x", "y", "w", "h"), "float64"),
    "removed": "bool",
}
_FIELDS = ", ".join(("label", *COLUMNS, "decision", "removed"))  # of a Label


def labels_as_of(db: Ledger, round: int | None = None) -> pd.DataFrame:
    """Return the labels that a round trains on.

    Args:
      db: The ledger.
      round: A round that has begun; None: all decisions count, as for the next round.

    Returns:
      Label table with the columns of dimjax.data.labels, indexed by label id (`label`).

    Raises:
      InputError: The round has not begun.
    """
    columns = ("label", *COLUMNS)
    statement = f"""
      SELECT {", ".join(columns)}, v.removed
      FROM versions v JOIN standing s USING (decision)
      WHERE s.round < :round AND (s.undone_in IS NULL OR s.undone_in >= :round)
      ORDER BY label, decision"""
    with db.read_transaction():
        newest = current_round(db)
        round = newest + 1 if round is None else _check_begun(db, round, newest)
        rows = db.execute(statement, {"round": round}).fetchall()
    versions = _table(rows, (*columns, "removed")).drop_duplicates("label", keep="last")
    return versions[~versions.removed].drop(columns="removed").set_index("label")


def export(db: Ledger, round: int | None, path: str | Path) -> None:
    """Write the labels as of a round to a labels.csv."""
    write_table(labels_as_of(db, round), path)


def diff(db: Ledger, round_a: int | None, round_b: int | None) -> pd.DataFrame:
    """Compare the labels as of two rounds (None: now).

    Returns:
      Table with label, change (added, removed, moved, resized, recategorised; a label may have
      several rows), sequence, frame, distance_px (of moved labels, else NaN), and x, y, w, h,
      category of both rounds as x_a, x_b and so on; NaN or "" if the label is absent.
    """
    compared = ["x", "y", "w", "h", "category"]
    with db.read_transaction():
        a, b = labels_as_of(db, round_a), labels_as_of(db, round_b)
    both = a.merge(b, "outer", on=["label", "sequence", "frame"], suffixes=("_a", "_b"))
    both["distance_px"] = np.hypot(both.x_b - both.x_a, both.y_b - both.y_a)
    in_both = both.x_a.notna() & both.x_b.notna()
    rows_of = {
        "added": both.x_a.isna(),
        "removed": both.x_b.isna(),
        "moved": in_both & (both.distance_px > 0),
        "resized": in_both & ((both.w_a != both.w_b) | (both.h_a != both.h_b)),
        "recategorised": in_both & (both.category_a != both.category_b),
    }
    parts = [both[rows].assign(change=change) for change, rows in rows_of.items()]
    table = pd.concat(parts).reset_index()
    table.loc[table.change != "moved", "distance_px"] = np.nan
    table[["category_a", "category_b"]] = table[["category_a", "category_b"]].fillna("")
    columns = ["label", "change", "sequence", "frame", "distance_px"]
    columns += [f"{name}_{side}" for side in "ab" for name in compared]
    return table.sort_values("label", kind="stable", ignore_index=True)[columns]


def labels_of_frame(db: Ledger, sequence: str, frame: int) -> list[Label]:
    """Return the current labels of a frame."""
    statement = f"""SELECT {_FIELDS} FROM current_versions
      WHERE sequence = ? AND frame = ? ORDER BY label"""
    subject = "labels of a frame"
    key = (as_text(subject, "sequence", sequence), as_int(subject, "frame", frame))
    with db.read_transaction():
        rows = db.execute(statement, key).fetchall()
    return [label for label in map(_label, rows) if not label.removed]


def current_label(db: Ledger, label: int) -> Label | None:
    """Return the current version of a label, or None if it is missing or removed."""
    statement = f"SELECT {_FIELDS} FROM current_versions WHERE label = ?"
    row = db.execute(statement, (label,)).fetchone()
    return None if row is None or row[-1] else _label(row)


def _check_begun(db: Ledger, round: int, newest: int) -> int:
    round = as_int(str(db.path), "round", round)
    if round > newest:
        rule = f"labels are known as of the rounds begun, 0 to {newest}"
        remedy = "Begin the round first, or omit it for the current labels."
        raise InputError(db.path, rule, f"round {round}", remedy)
    return round


def _label(row: tuple) -> Label:
    return Label(*row[:-1], removed=bool(row[-1]))


def _table(rows: list[tuple], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype(
        {name: _TYPES[name] for name in columns}
    )
