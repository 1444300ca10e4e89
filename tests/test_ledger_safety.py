"""The file of a ledger: killed writers, several processes and threads, other people's files."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pandas as pd
import pytest

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.errors import InputError
from dimjax.ledger import Change, Item, Place, schema

SHAPES = {"a": (500, 400, 600)}
FRAMES = 20  # of an item of a track

WRITER = """
import sys
from dimjax import ledger
assert "jax" not in sys.modules
with ledger.open_ledger(sys.argv[1]) as book:
    while items := ledger.draw(book, "ann"):
        print(ledger.decide(book, items[0].id, "accept", "ann").id, flush=True)
"""

DRAWER = """
import sys, time
from dimjax import ledger
with ledger.open_ledger(sys.argv[1]) as book:
    print("ready", flush=True)
    sys.stdin.readline()
    while items := ledger.draw(book, sys.argv[2]):
        print(items[0].id, flush=True)
        ledger.decide(book, items[0].id, "keep", sys.argv[2])
        time.sleep(0.002)  # else SQLite lets one wait until the other is through
"""


def _begin(path, rows=0, shapes=SHAPES):
    labels = [("a", k, 5.0, 5.0, 3.0, 3.0, "target", "", "annotator") for k in range(rows)]
    return ledger.begin(path, pd.DataFrame(labels, columns=COLUMNS), shapes)


def _item(k, frames=1):
    x, y = 4.0 * (k % 100), 4.0 * (k // 100)  # so far apart that none makes another stale
    fix = Change(None, "a", 0, x, y, 3.0, 3.0, "target")
    fixes = [fix._replace(frame=frame) for frame in range(frames)]
    places = tuple(Place(f.frame, f.x, f.y, None, f) for f in fixes)
    return Item("miss", "a", 1 / (1 + k), "a gap", places)


def _start(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


def test_what_was_acknowledged_survives_a_kill(path):
    with _begin(path) as book:
        ledger.add_items(book, [_item(k, FRAMES) for k in range(500)], "mine")
    acknowledged = []
    for patience in (1, 7, 30):
        with _start(WRITER, path) as writer:
            acknowledged += [int(writer.stdout.readline()) for _ in range(patience)]
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout.read().splitlines()]
    with ledger.open_ledger(path) as book:
        table = ledger.decision_table(book)
        assert set(acknowledged) <= set(table.decision) and len(acknowledged) >= 38
        assert len(table) <= len(acknowledged) + 3  # at most one a kill was not yet told
        assert table.labels.eq(FRAMES).all()
        assert len(ledger.labels_as_of(book)) == FRAMES * len(table)
        assert book.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert book.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert book.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_two_processes_never_get_the_same_item(path):
    with _begin(path) as book:
        ids = ledger.add_items(book, [_item(k) for k in range(80)], "mine")
    drawers = [_start(DRAWER, path, name) for name in ("ann", "bob")]
    assert all(drawer.stdout.readline() == "ready\n" for drawer in drawers)
    for drawer in drawers:
        drawer.stdin.write("\n")
        drawer.stdin.flush()
    drawn = [list(map(int, drawer.communicate()[0].split())) for drawer in drawers]
    assert [drawer.returncode for drawer in drawers] == [0, 0]
    assert sorted(drawn[0] + drawn[1]) == ids and min(map(len, drawn)) > 0


def test_threads_share_a_ledger(path):
    with _begin(path) as book:
        ids = ledger.add_items(book, [_item(k) for k in range(60)], "mine")
        drawn = []

        def review(name):
            while items := ledger.draw(book, name):
                drawn.append(items[0].id)
                ledger.decide(book, items[0].id, "keep", name)

        threads = [threading.Thread(target=review, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(drawn) == ids and ledger.progress(book).decided == 60


def test_a_thread_has_no_part_in_anothers_block(path):
    with _begin(path) as book:
        (item,) = ledger.add_items(book, [_item(0)], "mine")
        other = threading.Thread(target=ledger.decide, args=(book, item, "accept", "ann"))
        with pytest.raises(KeyError), book.writing():
            other.start()
            other.join(0.1)
            raise KeyError
        other.join()
        assert ledger.get_item(book, item).state == "decided"


def test_a_block_is_written_whole_or_not_at_all(path):
    with _begin(path, rows=2) as book:
        ids = ledger.add_items(book, [_item(k) for k in range(4)], "mine")
        with pytest.raises(KeyError), book.writing():
            ledger.decide(book, ids[0], "accept", "oracle", "oracle")
            raise KeyError
        assert ledger.get_item(book, ids[0]).state == "open"
        with book.writing():
            ledger.decide(book, ids[1], "accept", "oracle", "oracle")
            with pytest.raises(InputError), book.writing():
                with pytest.raises(InputError), book.writing():
                    ledger.decide(book, ids[2], "accept", "oracle", "oracle")
                    ledger.decide(book, 99, "keep", "oracle")
                ledger.decide(book, ids[3], "accept", "oracle", "oracle")
                ledger.decide(book, 99, "keep", "oracle")
            with ledger.open_ledger(path) as other:
                assert len(ledger.labels_as_of(other)) == 2
        assert ledger.decision_table(book).item.tolist() == [ids[1]]


def test_a_reader_sees_one_state(path):
    with _begin(path) as book, ledger.open_ledger(path) as other:
        ids = ledger.add_items(book, [_item(0)], "mine")
        with other.reading():
            assert ledger.labels_as_of(other).empty
            ledger.decide(book, ids[0], "accept", "ann")
            assert ledger.labels_as_of(other).empty
        assert len(ledger.labels_as_of(other)) == 1
        other.execute("PRAGMA busy_timeout = 20")
        with (
            book.writing(),
            pytest.raises(InputError, match="another process must let go of the ledger in time; f"),
        ):
            ledger.undo(other, "ann")


@pytest.mark.parametrize("table", ["decisions", "versions", "items", "places", "rounds"])
def test_rows_are_only_ever_appended(path, table):
    with _begin(path, rows=1) as book:
        (item,) = ledger.add_items(book, [_item(0)], "mine")
        done = ledger.decide(book, item, "accept", "ann")
        ledger.undo(book, "ann")
        column = book.execute(f"SELECT * FROM {table}").description[0][0]
        before = list(book._connection.iterdump())
        for statement in (
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        ):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} are only ever appended"):
                book.execute(statement)
        with pytest.raises(sqlite3.IntegrityError, match="decisions are only ever appended"):
            again = (item, done.id)  # a second undo would replace the first
            book.execute(
                "INSERT OR REPLACE INTO decisions VALUES (NULL, ?, 'undo', '', '', 0, 0, ?)", again
            )
        assert list(book._connection.iterdump()) == before


def test_a_ledger_begins_once(path):
    _begin(path, rows=3).close()
    with _begin(path, rows=3, shapes={**SHAPES, "b": (4, 5, 6)}) as book:
        assert ledger.labels_as_of(book).index.tolist() == [1, 2, 3]
        assert list(ledger.sequence_shapes(book)) == ["a", "b"]
    with pytest.raises(
        InputError, match="goes on with the 3 labels .* found 2 labels, of which 1 r"
    ):
        _begin(path, rows=2)
    with pytest.raises(InputError, match=r"sequence a: its length, height and width must stay \(5"):
        _begin(path, rows=3, shapes={"a": (500, 400, 601)})


def test_wrong_labels_begin_no_ledger(path):
    with pytest.raises(
        InputError, match="labels of round 0 line 4: frame must lie in 0 <= frame < 2"
    ):
        _begin(path, rows=4, shapes={"a": (2, 40, 60)})
    with pytest.raises(InputError, match="sequence a: length, height or width must be a whole"):
        _begin(path, rows=4, shapes={"a": (2, 40, 60.5)})
    assert not path.exists()


def test_a_begin_that_was_killed_begins_anew(path, monkeypatch):
    broken = [*schema.STATEMENTS[:9], "no SQL"]
    monkeypatch.setattr("dimjax.ledger.creation.STATEMENTS", broken)
    with pytest.raises(sqlite3.OperationalError):
        _begin(path, rows=2)
    with pytest.raises(InputError, match="found another database, or an empty file. Give the dir"):
        ledger.open_ledger(path)
    monkeypatch.undo()
    with _begin(path, rows=2) as book:
        assert len(ledger.labels_as_of(book)) == 2


def test_what_is_no_ledger_is_refused_and_left_alone(path, tmp_path):
    with pytest.raises(
        InputError, match="ledger.sqlite: it must be the ledger of a run; found unab"
    ):
        ledger.open_ledger(path)
    assert not path.exists()
    with pytest.raises(InputError, match="it must be the ledger of a run"):
        ledger.open_ledger(tmp_path)
    path.write_text("sequence,frame,x,y\n" * 100)
    for opening in (ledger.open_ledger, _begin):
        with pytest.raises(InputError, match="found file is not a database. Give the directory"):
            opening(path)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE decisions (decision)")
    connection.close()
    before = other.read_bytes()
    for opening in (ledger.open_ledger, _begin):
        with pytest.raises(InputError, match="found another database, or an empty file"):
            opening(other)
    assert other.read_bytes() == before


def test_a_newer_ledger_is_refused(path):
    with _begin(path) as book:
        book.execute("PRAGMA user_version = 2")
    with pytest.raises(InputError, match="schema version 1; found 2. Use the dimjax that wrote it"):
        ledger.open_ledger(path)
