"""The file of a ledger: how it is opened, and its transactions.

A Ledger is one connection. It is read and written in transactions. A decision is acknowledged when
its transaction ends: by then it is on the disk.

    with open_ledger("runs/demo/ledger.sqlite") as db:
        with db.write_transaction():                # all of the block, or nothing
            for item in get_items(db, states=["open"]):
                decide(db, item.id, "keep", "oracle", "oracle")
"""

import contextlib
import functools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dimjax.atomic_files import atomic_write, check_regular
from dimjax.errors import InputError
from dimjax.ledger.schema import APPLICATION_ID, STATEMENTS, VERSION

_TIMEOUT_SECONDS = 30.0  # for another process to end its transaction
_DISK_ERRORS = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)  # of the disk, not of the file
_REMEDY = "Give the directory of a run."


class Ledger:
    """An open ledger. Threads may share it; it closes at the end of a with block.

    Attributes:
      path: Path of the file.
      clock: Returns the seconds since 1970.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Callable[[], float]):
        self.path = path
        self.clock = clock
        self._connection = connection
        self._lock = threading.RLock()

    def execute(self, statement: str, values: tuple | dict = ()) -> sqlite3.Cursor:
        """Run one SQL statement.

        Raises:
          InputError: It changes a ledger that can only be read.
        """
        try:
            return self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            rule, value = "it must be writable, to change it", "a file that can only be read"
            raise InputError(self.path, rule, value, "Copy the run elsewhere.") from error

    @contextlib.contextmanager
    def write_transaction(self) -> Iterator[None]:
        """Apply everything in the block, or nothing; nobody else writes in the meantime.

        Blocks may be nested. Only the end of the outermost block commits.

        Raises:
          InputError: Another process holds the ledger for too long.
        """
        with self._lock:
            nested = self._connection.in_transaction
            self._start("SAVEPOINT block" if nested else "BEGIN IMMEDIATE")
            try:
                yield
                self.execute("RELEASE block" if nested else "COMMIT")
            except BaseException:
                if nested:
                    self.execute("ROLLBACK TO block")
                    self.execute("RELEASE block")
                elif self._connection.in_transaction:  # SQLite itself ends it on a full disk
                    self.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def read_transaction(self) -> Iterator[None]:
        """Read a single state of the ledger throughout the block, even if others write."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._start("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:  # SQLite itself ends it on a full disk
                    self.execute("ROLLBACK")

    def problems(self, check: str = "integrity_check") -> str:
        """Check the structure of the file; return its problems, or an empty string.

        Args:
          check: "integrity_check", or "quick_check", which does not compare the indices.
        """
        try:
            found = [row[0] for row in self.execute(f"PRAGMA {check}").fetchall()]
        except sqlite3.DatabaseError as error:
            return str(error)
        return "" if found == ["ok"] else "; ".join(found)

    def backup(self, path: Path) -> None:
        """Copy the ledger to another file, atomically."""
        with atomic_write(path) as partial, contextlib.closing(sqlite3.connect(partial)) as copy:
            self._connection.backup(copy)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _start(self, statement: str) -> None:
        try:
            self.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:  # e.g. a full disk
                raise
            rule = "other processes must release the ledger in time"
            raise InputError(self.path, rule, error, "End that process, or try again.") from error


def open_ledger(path: str | Path, clock: Callable[[], float] = time.time) -> Ledger:
    """Open the ledger of a run.

    Raises:
      InputError: The file is missing, is not a ledger, or belongs to another version of dimjax.
    """
    db = connect(Path(path), "rw", clock)
    try:
        check_identity(db)
        return configure(db)
    except BaseException:
        db.close()
        raise


def connect(path: Path, mode: str, clock: Callable[[], float]) -> Ledger:
    """Open a file ("rw", or "rwc" to create it) without changing it, since it may be no ledger."""
    if mode == "rw" and not path.exists():
        has_backup = path.with_suffix(f".backup{path.suffix}").exists()
        remedy = f"Restore it from {path.stem}.backup{path.suffix}." if has_backup else _REMEDY
        raise InputError(path, "it must be the ledger of a run", "no file", remedy)
    check_regular(path)
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DISK_ERRORS:
            raise
        is_access = code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        if is_access and not os.access(path.parent, os.W_OK):
            rule, remedy = "its folder must be writable, to read it too", "Copy the run elsewhere."
            raise InputError(path, rule, "a folder that can only be read", remedy) from error
        raise InputError(path, "it must be the ledger of a run", error, _REMEDY) from error
    return Ledger(path, connection, clock)


def check_identity(db: Ledger) -> None:
    """Raise if the file is not a ledger, or a ledger of another version."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    problems = db.problems("quick_check")
    if problems:
        remedy = "Restore ledger.backup.sqlite, which was made when the last round began."
        raise InputError(db.path, "the ledger must be whole", problems, remedy)
    if application != APPLICATION_ID:
        value = "another database, or an empty file"
        raise InputError(db.path, "it must be the ledger of a run", value, _REMEDY)
    if version != VERSION:
        rule = f"this dimjax reads ledgers of schema version {VERSION}"
        remedy = "Use the dimjax that wrote it."
        raise InputError(db.path, rule, version, remedy)
    # A trigger or view of somebody else would run with each statement.
    if others := _schema_of(db) ^ _expected_schema():
        names = sorted({name for _, name, _ in others})
        rule = f"its tables, views and triggers must be those of schema version {VERSION}"
        remedy = "Use the ledger that dimjax wrote, or ledger.backup.sqlite."
        raise InputError(db.path, rule, f"other {', '.join(names)}", remedy)


def _schema_of(db: Any) -> frozenset[tuple[str, str, str]]:
    """Return type, name and statement of all that a database contains but SQLite's own."""
    statement = (
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^'"
    )
    return frozenset(db.execute(statement))


@functools.cache
def _expected_schema() -> frozenset[tuple[str, str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as empty:
        for statement in STATEMENTS:
            empty.execute(statement)
        return _schema_of(empty)


def configure(db: Ledger) -> Ledger:
    """Set the pragmas of the connection and return the ledger."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # NORMAL would lose commits in a power cut
    db.execute("PRAGMA foreign_keys = ON")
    return db
