"""Atomic writes and exclusive locks, with real processes."""

import errno
import os
import platform
import re
import subprocess
import sys

import av
import numpy as np
import pandas as pd
import pytest
from full_disk import limited_size

from dimjax.atomic_files import (
    atomic_write,
    exclusive_lock,
    named_in_errors,
    read_record,
    write_parquet,
    write_text,
)
from dimjax.data.csv_files import write_csv
from dimjax.errors import InputError
from dimjax.review.coco import files
from dimjax.review.web import server_file

WRITER = """
import sys
from dimjax.atomic_files import atomic_write
with atomic_write(sys.argv[1]) as partial:
    partial.write_text("other")
    print("ready", flush=True)
    sys.stdin.readline()
"""
HOLDER = """
import sys
from dimjax.atomic_files import exclusive_lock
with exclusive_lock(sys.argv[1], "one at a time", "End it first."):
    print("ready", flush=True)
    sys.stdin.readline()
"""


def start(code, path):
    """A process that has run the code up to its line of input."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code, path], **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def test_of_two_writers_of_a_file_the_last_one_wins(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with start(WRITER, path) as other:
        with atomic_write(path) as partial:
            partial.write_text("own")
        assert path.read_text() == "own"
        other.communicate("\n")
    assert other.returncode == 0 and path.read_text() == "other"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_the_next_writer_removes_the_temporary_file_of_a_killed_process(tmp_path):
    path = tmp_path / "a[1].txt"
    unrelated = tmp_path / f"a[1].txt.{platform.node()}.mine.part"
    unrelated.touch()
    with start(WRITER, path) as other:
        write_text(path, "own")
        assert len(list(tmp_path.iterdir())) == 3  # the other process is still writing
        other.kill()
    write_text(path, "again")
    assert sorted(tmp_path.iterdir()) == [path, unrelated]


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_write(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "text"),
        lambda path: write_parquet(pd.DataFrame({"a": np.arange(3)}), path),
        lambda path: write_csv(pd.DataFrame({"a": [1]}), path),
        lambda path: files.write([], [], path),
        lambda path: server_file.listen(path.parent)[0].close(),
    ],
)
def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch, write):
    calls, sync, replace = [], os.fsync, os.replace

    def record_sync(descriptor):
        status = os.fstat(descriptor)
        calls.append((status.st_ino, status.st_size))
        sync(descriptor)

    def record_replace(source, target):
        calls.append("named")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_replace)
    path = tmp_path / "review.json"
    write(path)
    (file, size), named, (folder, _) = calls
    assert file == path.stat().st_ino and size == path.stat().st_size > 0
    assert named == "named" and folder == tmp_path.stat().st_ino


def test_an_error_of_a_write_names_the_file_without_a_temporary_one(tmp_path):
    writing = named_in_errors(tmp_path / "a.txt")
    with limited_size(4096), pytest.raises(OSError) as caught, writing as file:  # noqa: PT011
        file.write_bytes(bytes(5000))
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "a.txt"))
    with pytest.raises(FileNotFoundError) as caught, named_in_errors(tmp_path / "a.txt"):
        (tmp_path / "b.txt").read_bytes()
    assert caught.value.filename == str(tmp_path / "b.txt")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b'"\xff"', b"1" * 5000]
)
def test_a_record_that_is_no_json_is_none(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content)
    assert read_record(tmp_path / "record.json") is None


def test_a_record_that_is_no_file_or_too_large_is_refused_before_it_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="pipe.json: it must be a file; found a named pipe"):
        read_record(tmp_path / "pipe.json")
    write_text(tmp_path / "long.json", '{"a": 1}')
    assert read_record(tmp_path / "long.json") == {"a": 1}
    with pytest.raises(InputError, match="long.json: it must have at most 7 bytes; found 8"):
        read_record(tmp_path / "long.json", max_bytes=7)


def test_a_lock_is_refused_while_another_process_holds_it(tmp_path):
    path = tmp_path / "new" / "run.lock"
    with start(HOLDER, path) as holder:
        name = (
            rf"process {holder.pid} on {re.escape(platform.node())} since \d{{4}}-\d\d-\d\d [\d:]+"
        )
        text = rf"run\.lock: one at a time; found {name}\. End it first\.$"
        for _ in range(2):  # a refused process does not touch the file
            with pytest.raises(InputError, match=text):
                exclusive_lock(path, "one at a time", "End it first.").__enter__()
        with pytest.raises(InputError, match=f"found the page of {name}"):
            exclusive_lock(path, "", "", describe_holder="the page of {}".format).__enter__()
        holder.communicate("\n")
    with exclusive_lock(path, "", ""):
        assert path.read_text().startswith(f"process {os.getpid()} on ")


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    path = tmp_path / "run.lock"
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(
        InputError, match=r"run\.lock: a lock must be a file; found a link\. Remove"
    ):
        exclusive_lock(path, "", "").__enter__()
    assert not (tmp_path / "victim").exists()


def test_an_error_of_a_library_names_the_file_without_a_temporary_one(tmp_path):
    file = tmp_path / "a.mp4"
    with pytest.raises(OSError) as caught, atomic_write(file) as partial:  # noqa: PT011
        raise av.error.OSError(errno.ENOSPC, "No space left on device", str(partial))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(file))


def test_a_killed_process_holds_no_lock(tmp_path):
    path = tmp_path / "run.lock"
    with start(HOLDER, path) as holder:
        holder.kill()
    with exclusive_lock(path, "", ""):
        assert path.read_text().startswith(f"process {os.getpid()} on ")


def test_a_lock_ends_with_its_block_and_holds_within_one_process(tmp_path):
    path = tmp_path / "run.lock"
    with pytest.raises(KeyError), exclusive_lock(path, "", ""):
        raise KeyError
    with exclusive_lock(path, "", ""), pytest.raises(InputError, match=f"process {os.getpid()}"):
        exclusive_lock(path, "", "").__enter__()
