"""Folders of results: complete tables, one process at a time, and no file outside is touched."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from dimjax.commands.results import (
    check_outside,
    check_place,
    check_unoccupied,
    open_results,
)
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths

TABLE = pd.DataFrame({"sequence": ["a"], "frame": [0]})


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "data"
    for name in ("a", "b"):
        (source / "sequences" / name).mkdir(parents=True)
    return source


def files(source):
    return {name: source / "sequences" / name for name in ("a", "b")}


def write(output, source):
    with open_results(output, source, files(source)) as results:
        results.append(TABLE, TABLE)
        results.append(TABLE, TABLE)
        names = {path.name for path in output.iterdir()}
        results.finish()
    return names


def test_tables_get_their_names_when_they_are_complete(tmp_path, source):
    output = tmp_path / "out"
    expected = {"detect.lock", "source.json", "detections.csv.part", "tracks.csv.part"}
    assert write(output, source) == expected
    assert (output / "detections.csv").read_text() == "sequence,frame\na,0\na,0\n"
    for left in ("a-000001.png", "a.mp4", "tracks.csv.part", "notes-000001.png"):
        (output / left).touch()  # the first three by a killed process
    assert write(output, source) == expected | {"notes-000001.png"}
    assert (output / "tracks.csv").read_text() == "sequence,frame\na,0\na,0\n"


def test_files_of_others_are_not_overwritten(tmp_path, source):
    for folder, form in ((tmp_path / "out", None), (tmp_path / "labels", "csv")):
        if form:
            write(folder, source)
        (folder / (form or "")).mkdir()
        (folder / (form or "") / "labels.csv").write_text("reviewed")
        rule = "--output: the output folder must be empty, or hold earlier results of the same"
        before = sorted(folder.rglob("*"))
        with pytest.raises(InputError, match=rule), open_results(folder, source, {}, form):
            pass
        assert sorted(folder.rglob("*")) == before
        assert (folder / (form or "") / "labels.csv").read_text() == "reviewed"


def test_results_of_other_commands_may_lie_beneath(tmp_path):
    """As the labels of a run in export/csv, beside its detector in export."""
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "export.lock").touch()
    check_unoccupied(tmp_path, "export.lock")
    (tmp_path / "csv" / "export.lock").rename(tmp_path / "csv" / "poetry.lock")
    with pytest.raises(InputError, match="the output folder must be empty, or hold earlier"):
        check_unoccupied(tmp_path, "export.lock")


def test_a_folder_in_the_output_that_leads_out_of_it_is_refused(tmp_path, source):
    output, victim = tmp_path / "out", tmp_path / "victim"
    write(output, source)
    (output / "masks").mkdir()
    victim.mkdir()
    (output / "masks" / "b").symlink_to(output / "masks")
    write(output, source)
    (output / "masks" / "a").symlink_to(victim)
    rule = "out/masks/a: a folder in the output must not be a link out of it; found .*victim. Rem"
    with pytest.raises(InputError, match=rule):
        write(output, source)


def test_labels_in_a_form_go_with_the_detections_that_they_were_made_of(tmp_path, source):
    output = tmp_path / "out"
    for _ in range(2):
        with open_results(output, source, files(source), "csv"):
            assert not (output / "csv").exists()
            (output / "csv").mkdir()
            (output / "csv" / "labels.csv").touch()
    write(output, source)
    assert not (output / "csv").exists()


HOLDER = """
import sys
from pathlib import Path
from dimjax.commands.results import open_results
with open_results(Path(sys.argv[1]), Path(sys.argv[2]), {}):
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_refused(tmp_path, source):
    output = tmp_path / "out"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", HOLDER, output, source]
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout.readline() == "ready\n"
        before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
        rule = rf"detect.lock: one process at a time writes results; found process {holder.pid} on"
        with pytest.raises(InputError, match=rule):
            write(output, source)
        assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == before
        holder.kill()
    write(output, source)


@pytest.mark.parametrize(
    "record",
    ["", "{", "[]", "5", '{"source": 5}', '{"source": "S"}', '{"source": "S", "sequences": 5}',
     '{"source": "S", "sequences": [5]}', '{"source": "S", "sequences": ["../../victim/holiday"]}',
     '{"source": "S", "sequences": ["VICTIM/holiday"]}',
     '{"source": "S", "sequences": ["\\u0000"]}',
     '{"source": "S", "sequences": [], "form": "../../victim"}', "[" * 100_000],
)  # fmt: skip
def test_a_foreign_or_damaged_record_removes_nothing(tmp_path, source, record):
    victim, output = tmp_path / "victim", tmp_path / "x" / "out"
    for folder in (victim, output):
        folder.mkdir(parents=True)
        for name in ("holiday.mp4", "holiday-000001.png"):
            (folder / name).touch()
    record = record.replace('"S"', json.dumps(str(source))).replace("VICTIM", str(victim))
    (output / "source.json").write_text(record)
    (output / "detect.lock").touch()
    rule = "source.json: it must contain the source and the names of its sequences; found something"
    with pytest.raises(InputError, match=rule):
        write(output, source)
    assert len(list(victim.iterdir())) == 2 and len(list(output.iterdir())) == 4


@pytest.mark.parametrize("place", ["", "sequences", "sequences/a", "sequences/results", "other/x"])
def test_results_do_not_lie_in_the_data(tmp_path, source, place):
    (tmp_path / "link").symlink_to(source)
    for output in (source / place, tmp_path / "link" / place):
        with pytest.raises(InputError, match="--output: the results must not lie in the data"):
            check_outside(output, source, files(source))
    check_outside(tmp_path / "data2", source, files(source))
    check_outside(tmp_path, source, files(source))


@pytest.mark.parametrize(
    ("place", "is_allowed"),
    [("", False), ("new", False), ("rounds/7", False), ("detect2", False), ("new/../x", False),
     ("detect", True), ("export/items", True), ("evaluations/b", True), ("comparisons/a", True),
     ("../b", True), ("..", True)],
)  # fmt: skip
def test_results_lie_in_a_run_only_where_they_belong(tmp_path, place, is_allowed):
    paths = Paths(tmp_path / "run")
    if is_allowed:
        check_place(paths.workdir / place, paths)
    else:
        rule = (
            "--output: in a run's directory only detect, export, evaluations, comparisons are for"
        )
        with pytest.raises(InputError, match=rule):
            check_place(paths.workdir / place, paths)


def test_results_lie_in_no_other_run_either(tmp_path, source):
    for name in ("config.json", "run.lock"):
        (tmp_path / name).touch()
    for place in ("sky/sequences/x", "rounds/0/x", "new"):
        with pytest.raises(InputError, match="--output: in a run's directory only detect, export"):
            check_outside(tmp_path / place, source, {})
    check_outside(tmp_path / "detect" / "x", source, {})


def test_results_do_not_lie_beside_a_sequence_of_a_data_folder(tmp_path):
    sequence = tmp_path / "data" / "sequences" / "a.npy"
    with pytest.raises(InputError, match="--output: the results must not lie in the data"):
        check_outside(sequence.with_name("results"), sequence, {"a": sequence})
    video = tmp_path / "flights" / "b.mp4"
    check_outside(video.with_name("results"), video, {"b": video})
