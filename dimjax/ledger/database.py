"""The file of a ledger: opening it, and transactions.

A Ledger is one connection. Its work happens in transactions, `writing` or `reading`, and a
decision is acknowledged when its transaction has ended: then it is on the disk.

    with open_ledger("runs/demo/ledger.sqlite") as book:
        with book.writing():                        # all of it, or nothing of it
            for item in get_items(book, states=["open"]):
                decide(book, item.id, "keep", "oracle", "oracle")
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dimjax.errors import InputError
from dimjax.ledger.schema import APPLICATION, VERSION

_PATIENCE_SECONDS = 30.0  # to wait for another process to end its transaction
_REMEDY = "Give the directory of a run."


class Ledger:
    """An open ledger; threads may share it, and it closes at the end of a with block.

    Attributes:
      path: Of the file.
      clock: Tells the seconds since 1970.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Callable[[], float]):
        self.path = path
        self.clock = clock
        self._connection = connection
        self._lock = threading.RLock()

    def execute(self, statement: str, values: tuple | dict = ()) -> sqlite3.Cursor:
        """Run one SQL statement."""
        return self._connection.execute(statement, values)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Do all that is in the block, or nothing of it; no one else writes meanwhile.

        Blocks may be nested. Only the end of the outermost one acknowledges.

        Raises:
          InputError: Another process does not let go of the ledger.
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
                elif self._connection.in_transaction:  # SQLite ends it itself on a full disk
                    self.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the ledger throughout the block, whatever others write."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._start("BEGIN")
            try:
                yield
            finally:
                self.execute("ROLLBACK")

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
            rule = "another process must let go of the ledger in time"
            raise InputError(self.path, rule, error, "End that process, or try again.") from error


def open_ledger(path: str | Path, clock: Callable[[], float] = time.time) -> Ledger:
    """Open a run's ledger.

    Raises:
      InputError: There is no such file, it is no ledger, or a newer dimjax wrote it.
    """
    book = connect(Path(path), "rw", clock)
    try:
        check_identity(book)
        return ready(book)
    except BaseException:
        book.close()
        raise


def connect(path: Path, mode: str, clock: Callable[[], float]) -> Ledger:
    """Open a file ("rw", or "rwc" to create it) without changing it: it may be somebody else's."""
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_PATIENCE_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise InputError(path, "it must be the ledger of a run", error, _REMEDY) from error
    return Ledger(path, connection, clock)


def check_identity(book: Ledger) -> None:
    """Refuse what is no ledger, or one of another version."""
    (application,) = book.execute("PRAGMA application_id").fetchone()
    (version,) = book.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        found = "another database, or an empty file"
        raise InputError(book.path, "it must be the ledger of a run", found, _REMEDY)
    if version != VERSION:
        rule = f"this dimjax reads ledgers of schema version {VERSION}"
        raise InputError(book.path, rule, version, "Use the dimjax that wrote it, or a newer one.")


def ready(book: Ledger) -> Ledger:
    """The ledger, with the settings of its connection."""
    book.execute("PRAGMA journal_mode = WAL")
    book.execute("PRAGMA synchronous = FULL")  # NORMAL would lose commits in a power cut
    book.execute("PRAGMA foreign_keys = ON")
    return book
