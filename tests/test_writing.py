"""Writing aside, with real processes; the locks are tested where they are used."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dimjax.atomic_files import write_parquet, write_whole, written_aside
from dimjax.data.csv_files import write_csv
from dimjax.review.coco import files
from dimjax.review.web import server_file

OTHER = """
import sys
from dimjax.atomic_files import written_aside
with written_aside(sys.argv[1]) as aside:
    aside.write_text("other")
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_two_processes_write_one_file_and_the_last_one_stays(tmp_path):
    path = tmp_path / "new" / "a.txt"
    command = [sys.executable, "-c", OTHER, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout.readline() == "ready\n"
        with written_aside(path) as aside:
            aside.write_text("own")
        assert path.read_text() == "own"
        other.communicate("\n")
    assert other.returncode == 0 and path.read_text() == "other"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_what_a_killed_process_left_aside_is_removed_by_the_next_that_writes_the_file(tmp_path):
    path, near = tmp_path / "a[1].txt", tmp_path / f"a[1].txt.{os.uname().nodename}.mine.part"
    near.touch()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", OTHER, path], **pipes) as other:
        assert other.stdout.readline() == "ready\n"
        write_whole(path, "own")
        assert len(list(tmp_path.iterdir())) == 3  # the other one still writes
        other.kill()
    write_whole(path, "again")
    assert sorted(tmp_path.iterdir()) == [path, near]


def test_where_writing_fails_the_old_file_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), written_aside(path) as aside:
        aside.write_text("half")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_whole(path, "text"),
        lambda path: write_parquet(pd.DataFrame({"a": np.arange(3)}), path),
        lambda path: write_csv(pd.DataFrame({"a": [1]}), path),
        lambda path: files.write([], [], path),
        lambda path: server_file.listen(path.parent)[0].close(),
    ],
)
def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch, write):
    done, sync, replace = [], os.fsync, os.replace

    def noted_sync(descriptor):
        done.append((os.readlink(f"/proc/self/fd/{descriptor}"), os.fstat(descriptor).st_size))
        sync(descriptor)

    def noted_replace(source, target):
        done.append("named")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write(tmp_path / "review.json")
    (aside, size), named, (folder, _) = done
    assert aside.startswith(str(tmp_path / "review.json.")) and size > 0
    assert named == "named" and folder == str(tmp_path)
