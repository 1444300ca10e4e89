"""How a ledger begins and grows: the labels of round 0, the sequences, the rounds.

Saying the same again changes nothing, so that a resumed run may go through it once more.

    book = begin("runs/demo/ledger.sqlite", labels, {"flight3": (100, 512, 640)})
    begin_round(book, 1)                            # what was decided so far counts from now on
    add_sequences(book, {"flight9": (80, 512, 640)})
    book.close()
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from dimjax.data.labels import COLUMNS, check
from dimjax.errors import InputError
from dimjax.ledger.database import Ledger, check_identity, connect, ready
from dimjax.ledger.schema import STATEMENTS
from dimjax.ledger.values import name_of, text, whole

Shapes = Mapping[str, tuple[int, int, int]]

_WHERE = "labels of round 0"


def begin(
    path: str | Path,
    labels: pd.DataFrame,
    shapes: Shapes,
    clock: Callable[[], float] = time.time,
) -> Ledger:
    """Begin a run's ledger with the labels of round 0, or open it where it has begun so already.

    Args:
      path: The file.
      labels: Label table; its rows get the ids 1, 2, ... in their order.
      shapes: T, H, W of each sequence.
      clock: Tells the seconds since 1970.

    Raises:
      InputError: A label or shape is wrong, or there is a ledger that began with other labels.
    """
    shapes = _checked(shapes)
    rows = _rows(labels, shapes)
    book = connect(Path(path), "rwc", clock)
    try:
        with book.writing():  # of two that begin, the second finds the ledger of the first
            if book.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                _fill(book, rows)
            check_identity(book)
            _check_same_labels(book, rows)
            add_sequences(book, shapes)
        return ready(book)
    except BaseException:
        book.close()
        raise


def add_sequences(book: Ledger, shapes: Shapes) -> None:
    """Make sequences known, with T, H, W of each; those known already must be of the same shape.

    Raises:
      InputError: A shape is wrong or another than before.
    """
    shapes = _checked(shapes)
    with book.writing():
        known = sequence_shapes(book)
        for name, shape in shapes.items():
            if known.get(name, shape) != shape:
                rule = f"its length, height and width must stay {known[name]}"
                raise InputError(f"sequence {name}", rule, shape, "Give it a new name.")
            if name not in known:
                book.execute("INSERT INTO sequences VALUES (?, ?, ?, ?)", (name, *shape))


def sequence_shapes(book: Ledger) -> dict[str, tuple[int, int, int]]:
    """T, H, W of each known sequence."""
    with book.reading():
        rows = book.execute("SELECT * FROM sequences ORDER BY sequence").fetchall()
    return {name: tuple(shape) for name, *shape in rows}


def begin_round(book: Ledger, round: int) -> None:
    """Begin a round: earlier decisions count from now on, later ones in the next round.

    Items that are still open lapse, since the round finds its own.

    Raises:
      InputError: A round is left out.
    """
    round = whole("begin_round", "round", round)
    with book.writing():
        newest = current_round(book)
        if round > newest + 1:
            rule = f"round {newest + 1} must come next"
            raise InputError(book.path, rule, f"round {round}", "Begin the rounds in their order.")
        if round == newest + 1:
            book.execute("INSERT INTO rounds VALUES (?, ?)", (round, book.clock()))


def current_round(book: Ledger) -> int:
    """The newest round that has begun."""
    with book.reading():
        return book.execute("SELECT max(round) FROM rounds").fetchone()[0]


def _fill(book: Ledger, rows: list[tuple]) -> None:
    for statement in STATEMENTS:
        book.execute(statement)
    now = book.clock()
    book.execute("INSERT INTO rounds VALUES (0, ?)", (now,))
    begun = (0, None, "begin", "", "", now, -1, None)
    book.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", begun)
    statement = f"INSERT INTO versions (label, decision, removed, {', '.join(COLUMNS)})"
    statement += f" VALUES (?, 0, 0{', ?' * len(COLUMNS)})"
    for label, row in enumerate(rows, start=1):
        book.execute(statement, (label, *row))


def _check_same_labels(book: Ledger, rows: list[tuple]) -> None:
    statement = f"SELECT {', '.join(COLUMNS)} FROM versions WHERE decision = 0 ORDER BY label"
    there = book.execute(statement).fetchall()
    if there != rows:
        differing = sum(a != b for a, b in zip(there, rows, strict=False))
        differing += abs(len(there) - len(rows))
        rule = f"a run goes on with the {len(there)} labels of its round 0"
        found = f"{len(rows)} labels, of which {differing} rows differ"
        raise InputError(book.path, rule, found, "Take them back, or choose another --workdir.")


def _checked(shapes: Shapes) -> dict[str, tuple[int, int, int]]:
    for name, shape in shapes.items():
        where = f"sequence {name_of('sequences', 'name', name)}"
        sizes = [whole(where, "length, height or width", size) for size in shape]
        if len(sizes) != 3 or 0 in sizes:
            rule = "its shape must be length, height and width, all above 0"
            raise InputError(where, rule, tuple(sizes), "Correct it.")
    return {name: tuple(int(size) for size in shape) for name, shape in shapes.items()}


def _rows(labels: pd.DataFrame, shapes: Shapes) -> list[tuple]:
    """The checked labels as tuples of Python's own types."""
    check(labels, shapes, _WHERE)
    for column in ("track", "source"):
        for value in labels[column].unique():
            text(_WHERE, column, value)
    types = {"frame": "int64", **dict.fromkeys(("x", "y", "w", "h"), "float64")}
    columns = [labels[name].astype(types.get(name, object)).tolist() for name in COLUMNS]
    return list(zip(*columns, strict=True))
