"""Label sets told from a ledger: as of any round, of one frame, and what became of each label.

A label keeps its id through all moves. The labels as of round r are those of round 0 with the
decisions made in the rounds before r: what the training of round r sees, for ever the same.

    labels_as_of(book, 2)                           # label table, index `label`
    labels_as_of(book)                              # with all that is decided by now
    export(book, 2, "runs/demo/rounds/2/labels.csv")
    diff(book, 0, 2)                                # added, removed, moved, resized, recategorised
"""

from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.labels import COLUMNS, write_table
from dimjax.errors import InputError
from dimjax.ledger.creation import current_round
from dimjax.ledger.database import Ledger
from dimjax.ledger.values import Label, text, whole

_TYPES = {
    **dict.fromkeys(("sequence", "category", "track", "source"), "str"),
    **dict.fromkeys(("label", "frame", "decision"), "int64"),
    **dict.fromkeys(("x", "y", "w", "h"), "float64"),
    **dict.fromkeys(("removed", "undone"), "bool"),
}
_FIELDS = ", ".join(("label", *COLUMNS, "decision", "removed"))  # of a Label


def labels_as_of(book: Ledger, round: int | None = None) -> pd.DataFrame:
    """The labels that the training of a round sees.

    Args:
      book: The ledger.
      round: One that has begun; None: all decisions count, as for the next round.

    Returns:
      Label table with the columns of dimjax.data.labels and the labels' ids as its index `label`.

    Raises:
      InputError: The round has not begun.
    """
    columns = ("label", *COLUMNS)
    statement = f"""
      SELECT {", ".join(columns)}, v.removed
      FROM versions v JOIN standing s USING (decision)
      WHERE s.round < :round AND (s.undone_in IS NULL OR s.undone_in >= :round)
      ORDER BY label, decision"""
    with book.reading():
        newest = current_round(book)
        round = newest + 1 if round is None else _begun(book, round, newest)
        rows = book.execute(statement, {"round": round}).fetchall()
    table = _table(rows, (*columns, "removed")).drop_duplicates("label", keep="last")
    return table[~table.removed].drop(columns="removed").set_index("label")


def export(book: Ledger, round: int | None, path: str | Path) -> None:
    """Write the labels as of a round as a labels.csv."""
    write_table(labels_as_of(book, round), path)


def diff(book: Ledger, round_a: int | None, round_b: int | None) -> pd.DataFrame:
    """What differs between the labels as of two rounds (None: now).

    Returns:
      Table with label, change (added, removed, moved, resized, recategorised; a label may have
      several rows), sequence, frame, distance_px (of moved ones, else NaN), and x, y, w, h,
      category as x_a, x_b and so on; NaN or "" where there was no such label.
    """
    own = ["x", "y", "w", "h", "category"]
    with book.reading():
        a, b = labels_as_of(book, round_a), labels_as_of(book, round_b)
    both = a.merge(b, "outer", on=["label", "sequence", "frame"], suffixes=("_a", "_b"))
    both["distance_px"] = np.hypot(both.x_b - both.x_a, both.y_b - both.y_a)
    there = both.x_a.notna() & both.x_b.notna()
    holds = {
        "added": both.x_a.isna(),
        "removed": both.x_b.isna(),
        "moved": there & (both.distance_px > 0),
        "resized": there & ((both.w_a != both.w_b) | (both.h_a != both.h_b)),
        "recategorised": there & (both.category_a != both.category_b),
    }
    parts = [both[rows].assign(change=change) for change, rows in holds.items()]
    table = pd.concat(parts).reset_index()
    table.loc[table.change != "moved", "distance_px"] = np.nan
    table[["category_a", "category_b"]] = table[["category_a", "category_b"]].fillna("")
    ordered = ["label", "change", "sequence", "frame", "distance_px"]
    ordered += [f"{name}_{side}" for side in "ab" for name in own]
    return table.sort_values("label", kind="stable", ignore_index=True)[ordered]


def labels_of_frame(book: Ledger, sequence: str, frame: int) -> list[Label]:
    """The labels of a frame as they are now."""
    statement = f"SELECT {_FIELDS} FROM labels_now WHERE sequence = ? AND frame = ? ORDER BY label"
    where = "labels of a frame"
    frame = (text(where, "sequence", sequence), whole(where, "frame", frame))
    with book.reading():
        rows = book.execute(statement, frame).fetchall()
    return [label for label in map(_label, rows) if not label.removed]


def label_now(book: Ledger, label: int) -> Label | None:
    """A label as it is now, if it is there."""
    row = book.execute(f"SELECT {_FIELDS} FROM labels_now WHERE label = ?", (label,)).fetchone()
    return None if row is None or row[-1] else _label(row)


def label_history(book: Ledger, label: int) -> pd.DataFrame:
    """All that became of a label: table with decision, the label's columns, removed, undone.

    Raises:
      InputError: There never was such a label.
    """
    columns = ("decision", *COLUMNS, "removed", "undone")
    statement = f"""
      SELECT decision, {", ".join(COLUMNS)}, removed, s.undone_in IS NOT NULL
      FROM versions v JOIN standing s USING (decision) WHERE label = ? ORDER BY decision"""
    label = whole(str(book.path), "label", label)
    with book.reading():
        rows = book.execute(statement, (label,)).fetchall()
    if not rows:
        rule, remedy = "a label must be one of the ledger", "Look at its labels."
        raise InputError(f"{book.path} label {label}", rule, "none", remedy)
    return _table(rows, columns)


def _begun(book: Ledger, round: int, newest: int) -> int:
    round = whole(str(book.path), "round", round)
    if round > newest:
        rule = f"labels are told as of the rounds begun, 0 to {newest}"
        remedy = "Begin the round first, or leave it out for the labels as they are now."
        raise InputError(book.path, rule, f"round {round}", remedy)
    return round


def _label(row: tuple) -> Label:
    return Label(*row[:-1], removed=bool(row[-1]))


def _table(rows: list[tuple], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype(
        {name: _TYPES[name] for name in columns}
    )
