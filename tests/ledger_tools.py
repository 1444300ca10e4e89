"""Ledgers for tests.

db = create(tmp_path / "ledger.sqlite", labels, {"a": (10, 40, 60)})
before = dump(db)
"""

import contextlib
import sqlite3

from dimjax import ledger


def create(path, labels, shapes, match_px=3.0, **options):
    """A new ledger that does not wait for the disk, which makes tests fast."""
    db = ledger.create_or_open(path, labels, shapes, match_px, **options)
    db.execute("PRAGMA synchronous = OFF")
    return db


def dump(db):
    """Everything that a ledger has on the disk, as SQL."""
    with contextlib.closing(sqlite3.connect(db.path)) as connection:
        return list(connection.iterdump())
