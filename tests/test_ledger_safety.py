"""The file of a ledger: killed writers, concurrent processes and threads, and foreign files."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pandas as pd
import pytest
from ledger_tools import dump
from other_user import WITHOUT_RIGHTS, give_away, needs_root

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.errors import InputError
from dimjax.ledger import Change, Item, ItemFrame, schema

SHAPES = {"a": (500, 400, 600)}
FRAMES = 20  # of a track

WRITER = """
import sys
from dimjax import ledger
assert "jax" not in sys.modules
with ledger.open_ledger(sys.argv[1]) as db:
    while items := ledger.lease_items(db, "ann"):
        print(ledger.decide(db, items[0].id, "accept", "ann").id, flush=True)
"""

LESSEE = """
import sys, time
from dimjax import ledger
with ledger.open_ledger(sys.argv[1]) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    while items := ledger.lease_items(db, sys.argv[2]):
        print(items[0].id, flush=True)
        ledger.decide(db, items[0].id, "keep", sys.argv[2])
        time.sleep(0.002)  # else SQLite makes one process wait until the other is done
"""


def _open(path, rows=0, shapes=SHAPES, match_px=3.0):
    labels = [("a", k, 5.0, 5.0, 3.0, 3.0, "target", "", "annotator") for k in range(rows)]
    return ledger.create_or_open(path, pd.DataFrame(labels, columns=COLUMNS), shapes, match_px)


def _item(k, frames=1):
    x, y = 4.0 * (k % 100), 4.0 * (k // 100)  # too far apart to make each other stale
    fix = Change(None, "a", 0, x, y, 3.0, 3.0, "target")
    fixes = [fix._replace(frame=frame) for frame in range(frames)]
    item_frames = tuple(ItemFrame(f.frame, f.x, f.y, None, f) for f in fixes)
    return Item("miss", "a", 1 / (1 + k), "a gap", item_frames)


def _start(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


OPENER = """
import sys
from dimjax import ledger
try:
    with ledger.open_ledger(sys.argv[1]) as db:
        print(len(ledger.labels_as_of(db)), flush=True)
        ledger.lease_items(db, "ann")
except Exception as error:
    print(type(error).__name__, error)
"""


@needs_root
@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (0o755, "InputError {}: its folder must be writable, to read it too; found a folder that "
         "can only be read. Copy the run elsewhere.\n"),
        (0o777, "2\nInputError {}: it must be writable, to change it; found a file that can only "
         "be read. Copy the run elsewhere.\n"),
    ],
)  # fmt: skip
def test_the_ledger_of_somebody_else_is_read_if_it_can_be(path, mode, answer):
    with _open(path, rows=2) as db:
        ledger.add_items(db, [_item(0)], "mine")
    path.parent.chmod(mode)
    give_away(path.parent)
    command = [*WITHOUT_RIGHTS, sys.executable, "-c", OPENER, path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == answer.format(path), done.stderr


def test_acknowledged_decisions_survive_a_kill(path):
    with _open(path) as db:
        ledger.add_items(db, [_item(k, FRAMES) for k in range(500)], "mine")
    acknowledged = []
    for count in (1, 7, 30):
        with _start(WRITER, path) as writer:
            acknowledged += [int(writer.stdout.readline()) for _ in range(count)]
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout.read().splitlines()]
    with ledger.open_ledger(path) as db:
        table = ledger.decision_table(db)
        assert set(acknowledged) <= set(table.decision) and len(acknowledged) >= 38
        assert len(table) <= len(acknowledged) + 3  # one per kill may be unacknowledged
        assert table.labels.eq(FRAMES).all()
        assert len(ledger.labels_as_of(db)) == FRAMES * len(table)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_two_processes_never_get_the_same_item(path):
    with _open(path) as db:
        ids = ledger.add_items(db, [_item(k) for k in range(80)], "mine")
    lessees = [_start(LESSEE, path, name) for name in ("ann", "bob")]
    assert all(lessee.stdout.readline() == "ready\n" for lessee in lessees)
    for lessee in lessees:
        lessee.stdin.write("\n")
        lessee.stdin.flush()
    leased = [list(map(int, lessee.communicate()[0].split())) for lessee in lessees]
    assert [lessee.returncode for lessee in lessees] == [0, 0]
    assert sorted(leased[0] + leased[1]) == ids and min(map(len, leased)) > 0


def test_threads_share_a_ledger(path):
    with _open(path) as db:
        ids = ledger.add_items(db, [_item(k) for k in range(60)], "mine")
        leased = []

        def review(name):
            while items := ledger.lease_items(db, name):
                leased.append(items[0].id)
                ledger.decide(db, items[0].id, "keep", name)

        threads = [threading.Thread(target=review, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(leased) == ids and ledger.progress(db).decided == 60


def test_a_rollback_does_not_affect_another_thread(path):
    with _open(path) as db:
        (item,) = ledger.add_items(db, [_item(0)], "mine")
        other = threading.Thread(target=ledger.decide, args=(db, item, "accept", "ann"))
        with pytest.raises(KeyError), db.write_transaction():
            other.start()
            other.join(0.1)
            raise KeyError
        other.join()
        assert ledger.get_item(db, item).state == "decided"


def test_a_transaction_is_atomic(path):
    with _open(path, rows=2) as db:
        ids = ledger.add_items(db, [_item(k) for k in range(4)], "mine")
        with pytest.raises(KeyError), db.write_transaction():
            ledger.decide(db, ids[0], "accept", "oracle", "oracle")
            raise KeyError
        assert ledger.get_item(db, ids[0]).state == "open"
        with db.write_transaction():
            ledger.decide(db, ids[1], "accept", "oracle", "oracle")
            with pytest.raises(InputError), db.write_transaction():
                with pytest.raises(InputError), db.write_transaction():
                    ledger.decide(db, ids[2], "accept", "oracle", "oracle")
                    ledger.decide(db, 99, "keep", "oracle")
                ledger.decide(db, ids[3], "accept", "oracle", "oracle")
                ledger.decide(db, 99, "keep", "oracle")
            with ledger.open_ledger(path) as other:
                assert len(ledger.labels_as_of(other)) == 2
        assert ledger.decision_table(db).item.tolist() == [ids[1]]


def test_a_named_pipe_is_no_ledger(tmp_path):
    os.mkfifo(tmp_path / "ledger.sqlite")
    with pytest.raises(InputError, match="ledger.sqlite: it must be a file; found a named pipe"):
        ledger.open_ledger(tmp_path / "ledger.sqlite")


@pytest.mark.parametrize("transaction", ["read_transaction", "write_transaction"])
def test_an_error_that_ends_the_transaction_is_passed_on(path, transaction):
    """As SQLite does on a full disk."""
    with _open(path) as db:
        error = pytest.raises(sqlite3.OperationalError, match="disk is full")
        with error, getattr(db, transaction)():
            db.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        with db.read_transaction():
            assert ledger.labels_as_of(db).empty


LIMITED = """
import resource, signal, sys
from dimjax import ledger
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger.open_ledger(sys.argv[1])
"""


def test_an_error_of_the_disk_is_not_taken_for_another_file(path):
    _open(path).close()
    command = [sys.executable, "-c", LIMITED, str(path)]
    error = subprocess.run(command, capture_output=True, text=True).stderr
    assert error.splitlines()[-1] == "sqlite3.OperationalError: disk I/O error"


def test_a_reader_sees_a_single_state(path):
    with _open(path) as db, ledger.open_ledger(path) as other:
        ids = ledger.add_items(db, [_item(0)], "mine")
        with other.read_transaction():
            assert ledger.labels_as_of(other).empty
            ledger.decide(db, ids[0], "accept", "ann")
            assert ledger.labels_as_of(other).empty
        assert len(ledger.labels_as_of(other)) == 1
        other.execute("PRAGMA busy_timeout = 20")
        with (
            db.write_transaction(),
            pytest.raises(
                InputError, match="other processes must release the ledger in time; found"
            ),
        ):
            ledger.undo(other, "ann")


@pytest.mark.parametrize(
    "table", ["meta", "decisions", "versions", "items", "item_frames", "rounds", "sequences"]
)
def test_rows_are_only_ever_appended(path, table):
    with _open(path, rows=1) as db:
        (item,) = ledger.add_items(db, [_item(0)], "mine")
        done = ledger.decide(db, item, "accept", "ann")
        ledger.undo(db, "ann")
        column = db.execute(f"SELECT * FROM {table}").description[0][0]
        before = dump(db)
        for statement in (
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        ):
            with pytest.raises(
                sqlite3.IntegrityError, match=f"{table}: rows are only ever appended"
            ):
                db.execute(statement)
        with pytest.raises(sqlite3.IntegrityError, match="decisions: rows are only ever appended"):
            again = (item, done.id)  # a second undo would replace the first
            db.execute(
                "INSERT OR REPLACE INTO decisions VALUES (NULL, ?, 'undo', '', '', 0, 0, ?)", again
            )
        assert dump(db) == before


def test_a_ledger_is_created_once(path):
    _open(path, rows=3).close()
    with _open(path, rows=3, shapes={**SHAPES, "b": (4, 5, 6)}) as db:
        assert ledger.labels_as_of(db).index.tolist() == [1, 2, 3]
        assert list(ledger.sequence_shapes(db)) == ["a", "b"]
    with pytest.raises(InputError, match="continues with the 3 labels .* found 2 labels, of which"):
        _open(path, rows=2)
    with pytest.raises(InputError, match=r"keeps its matching radius, detection.match_px = 3.0; f"):
        _open(path, rows=3, match_px=6.0)
    with pytest.raises(InputError, match=r"sequence a: its length, height and width must stay \(5"):
        _open(path, rows=3, shapes={"a": (500, 400, 601)})


def test_invalid_arguments_create_no_ledger(path):
    with pytest.raises(InputError, match="labels of round 0 line 4: frame must lie in 0 <= frame "):
        _open(path, rows=4, shapes={"a": (2, 40, 60)})
    with pytest.raises(InputError, match="sequence a: length, height or width must be a non-negat"):
        _open(path, rows=4, shapes={"a": (2, 40, 60.5)})
    with pytest.raises(InputError, match="ledger: match_px must be above 0; found 0.0. Correct it"):
        _open(path, match_px=0)
    with pytest.raises(InputError, match="ledger: match_px must be a finite number; found '3'"):
        _open(path, match_px="3")
    assert not path.exists()


def test_an_interrupted_creation_is_repeated(path, monkeypatch):
    broken = [*schema.STATEMENTS[:9], "no SQL"]
    monkeypatch.setattr("dimjax.ledger.creation.STATEMENTS", broken)
    with pytest.raises(sqlite3.OperationalError):
        _open(path, rows=2)
    with pytest.raises(InputError, match="found another database, or an empty file. Give the dir"):
        ledger.open_ledger(path)
    monkeypatch.undo()
    with _open(path, rows=2) as db:
        assert len(ledger.labels_as_of(db)) == 2


def test_other_files_are_refused_and_left_unchanged(path, tmp_path):
    with pytest.raises(InputError, match="ledger.sqlite: it must be the ledger of a run; found no"):
        ledger.open_ledger(path)
    assert not path.exists()
    with pytest.raises(InputError, match="it must be a file; found a folder"):
        ledger.open_ledger(tmp_path)
    path.write_text("sequence,frame,x,y\n" * 100)
    for opening in (ledger.open_ledger, _open):
        with pytest.raises(InputError, match="found file is not a database. Give the directory"):
            opening(path)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE decisions (decision)")
    connection.close()
    before = other.read_bytes()
    for opening in (ledger.open_ledger, _open):
        with pytest.raises(InputError, match="found another database, or an empty file"):
            opening(other)
    assert other.read_bytes() == before


def test_a_ledger_of_another_version_is_refused(path):
    with _open(path) as db:
        db.execute("PRAGMA user_version = 3")
    with pytest.raises(InputError, match="schema version 2; found 3. Use the dimjax that wrote it"):
        ledger.open_ledger(path)


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("CREATE TRIGGER evil AFTER INSERT ON items BEGIN DELETE FROM leases; END", "evil"),
        ("DROP TRIGGER versions_not_updated", "versions_not_updated"),
        ("DROP VIEW standing; CREATE VIEW standing AS SELECT 1 AS decision", "standing"),
        ("CREATE TABLE notes (note)", "notes"),
        ("ALTER TABLE items ADD COLUMN note TEXT", "items"),
    ],
)
def test_a_ledger_with_statements_of_somebody_else_is_refused(path, script, name):
    with _open(path, rows=3) as db:
        db.execute("ANALYZE")  # adds tables of SQLite itself
    with ledger.open_ledger(path) as db:
        assert len(ledger.labels_as_of(db)) == 3
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    for opening in (ledger.open_ledger, _open):
        with pytest.raises(InputError, match=f"of schema version 2; found other {name}. Use the"):
            opening(path)


@pytest.mark.parametrize("fix", ["{", "[" * 100_000, "[]", '{"colour": 3}', "null"])
def test_a_suggested_change_that_is_none_is_named(path, fix):
    with _open(path) as db, db.write_transaction():
        (item,) = ledger.add_items(db, [_item(0)], "refine")
        db.execute("INSERT INTO item_frames VALUES (?, 1, 2, 3.0, 4.0, NULL, NULL, ?)", (item, fix))
        with pytest.raises(InputError, match=f"item {item}: a suggested change must be as dimjax"):
            ledger.get_item(db, item)
