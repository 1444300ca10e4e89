"""Creating a ledger and extending it: the labels of round 0, sequences, rounds.

Every call is idempotent, so that a resumed run may repeat it.

    db = create_or_open("runs/demo/ledger.sqlite", labels, {"flight3": (100, 512, 640)}, 3.0)
    begin_round(db, 1)                              # earlier decisions take effect
    add_sequences(db, {"flight9": (80, 512, 640)})
    db.close()
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from dimjax.data.labels import COLUMNS, check_labels
from dimjax.errors import InputError
from dimjax.ledger.checks import as_float, as_int, as_name, as_text
from dimjax.ledger.database import Ledger, check_identity, configure, connect
from dimjax.ledger.schema import STATEMENTS

Shapes = Mapping[str, tuple[int, int, int]]

_SUBJECT = "labels of round 0"


def create_or_open(
    path: str | Path,
    labels: pd.DataFrame,
    shapes: Shapes,
    match_px: float,
    clock: Callable[[], float] = time.time,
) -> Ledger:
    """Create a run's ledger with the labels of round 0, or open it if they are the same.

    Args:
      path: Path of the file.
      labels: Label table; its rows get the ids 1, 2, ... in order.
      shapes: T, H, W of each sequence.
      match_px: Matching radius of the run, pixels: locations closer than this are the same object.
      clock: Returns the seconds since 1970.

    Raises:
      InputError: A label, a shape or match_px is invalid, or the existing ledger was created with
        other labels or another match_px.
    """
    shapes, match_px = _checked_shapes(shapes), _checked_radius(match_px)
    rows = _checked_rows(labels, shapes)
    db = connect(Path(path), "rwc", clock)
    try:
        with db.write_transaction():  # if two processes create it, the second opens it
            if db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                _create(db, rows, match_px)
            check_identity(db)
            _check_same_start(db, rows, match_px)
            add_sequences(db, shapes)
        return configure(db)
    except BaseException:
        db.close()
        raise


def add_sequences(db: Ledger, shapes: Shapes) -> None:
    """Register sequences with their T, H, W. The shape of a registered sequence must not change.

    Raises:
      InputError: A shape is invalid or has changed.
    """
    shapes = _checked_shapes(shapes)
    with db.write_transaction():
        registered = sequence_shapes(db)
        for name, shape in shapes.items():
            if registered.get(name, shape) != shape:
                rule = f"its length, height and width must stay {registered[name]}"
                raise InputError(f"sequence {name}", rule, shape, "Give it a new name.")
            if name not in registered:
                db.execute("INSERT INTO sequences VALUES (?, ?, ?, ?)", (name, *shape))


def sequence_shapes(db: Ledger) -> dict[str, tuple[int, int, int]]:
    """Return T, H, W of each registered sequence."""
    with db.read_transaction():
        rows = db.execute("SELECT * FROM sequences ORDER BY sequence").fetchall()
    return {name: tuple(shape) for name, *shape in rows}


def match_px(db: Ledger) -> float:
    """Return the matching radius of the run, pixels."""
    with db.read_transaction():
        return db.execute("SELECT match_px FROM meta").fetchone()[0]


def begin_round(db: Ledger, round: int) -> None:
    """Begin a round: earlier decisions take effect now, and later ones in the next round.

    Items that are still open lapse, since each round makes its own items.

    Raises:
      InputError: A round is left out.
    """
    round = as_int("begin_round", "round", round)
    with db.write_transaction():
        newest = current_round(db)
        if round > newest + 1:
            rule = f"round {newest + 1} must come next"
            raise InputError(db.path, rule, f"round {round}", "Begin the rounds in order.")
        if round == newest + 1:
            db.execute("INSERT INTO rounds VALUES (?, ?)", (round, db.clock()))


def current_round(db: Ledger) -> int:
    """Return the newest round that has begun."""
    with db.read_transaction():
        return db.execute("SELECT max(round) FROM rounds").fetchone()[0]


def _create(db: Ledger, rows: list[tuple], match_px: float) -> None:
    for statement in STATEMENTS:
        db.execute(statement)
    now = db.clock()
    db.execute("INSERT INTO meta VALUES (?)", (match_px,))
    db.execute("INSERT INTO rounds VALUES (0, ?)", (now,))
    creation = (0, None, "create", "", "", now, -1, None)
    db.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", creation)
    statement = f"INSERT INTO versions (label, decision, removed, {', '.join(COLUMNS)})"
    statement += f" VALUES (?, 0, 0{', ?' * len(COLUMNS)})"
    for label, row in enumerate(rows, start=1):
        db.execute(statement, (label, *row))


def _check_same_start(db: Ledger, rows: list[tuple], radius: float) -> None:
    if match_px(db) != radius:
        rule = f"a run keeps its matching radius, detection.match_px = {match_px(db)}"
        raise InputError(db.path, rule, radius, "Set it back, or choose another --workdir.")
    statement = f"SELECT {', '.join(COLUMNS)} FROM versions WHERE decision = 0 ORDER BY label"
    stored = db.execute(statement).fetchall()
    if stored != rows:
        differing = sum(a != b for a, b in zip(stored, rows, strict=False))
        differing += abs(len(stored) - len(rows))
        rule = f"a run continues with the {len(stored)} labels of its round 0"
        value = f"{len(rows)} labels, of which {differing} rows differ"
        raise InputError(db.path, rule, value, "Restore them, or choose another --workdir.")


def _checked_shapes(shapes: Shapes) -> dict[str, tuple[int, int, int]]:
    for name, shape in shapes.items():
        subject = f"sequence {as_name('sequences', 'name', name)}"
        sizes = [as_int(subject, "length, height or width", size) for size in shape]
        if len(sizes) != 3 or 0 in sizes:
            rule = "its shape must be length, height and width, all above 0"
            raise InputError(subject, rule, tuple(sizes), "Correct it.")
    return {name: tuple(int(size) for size in shape) for name, shape in shapes.items()}


def _checked_radius(match_px: float) -> float:
    radius = as_float("ledger", "match_px", match_px)
    if radius <= 0:
        raise InputError("ledger", "match_px must be above 0", radius, "Correct it.")
    return radius


def _checked_rows(labels: pd.DataFrame, shapes: Shapes) -> list[tuple]:
    """Return the labels as tuples of Python's own types."""
    check_labels(labels, shapes, _SUBJECT)
    for column in ("track", "source"):
        for value in labels[column].unique():
            as_text(_SUBJECT, column, value)
    types = {"frame": "int64", **dict.fromkeys(("x", "y", "w", "h"), "float64")}
    columns = [labels[name].astype(types.get(name, object)).tolist() for name in COLUMNS]
    return list(zip(*columns, strict=True))
