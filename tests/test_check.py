import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, tiny_config
from other_user import WITHOUT_RIGHTS, give_away, needs_root
from PIL import Image, ImageColor
from scipy import ndimage

from dimjax import ledger
from dimjax.commands import check
from dimjax.commands.bundled import make_builder
from dimjax.commands.problem_list import problem_lines
from dimjax.data.labels import check_labels, read_table
from dimjax.drawing import pictures
from dimjax.errors import InputError, raise_error
from dimjax.runs.workdir import Paths, read_config, write_config
from dimjax.stages import rounds

HEADER = "sequence,frame,x,y,w,h,category\n"
ROWS = ["one,0,20.5,30.5,3,3,target", "one,5,40.5,30.5,3,3,target",
        "two,2,20.5,10.5,5,3,interference"]  # fmt: skip


def write_folder(path: Path, rows=ROWS, train="one\n", test="two\n") -> Path:
    """Two sequences of 6 numbered frames of 48x64 pixels each, with a bright target."""
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        (path / "sequences" / name).mkdir(parents=True)
        for t in range(6):
            frame = rng.integers(1000, 1100, (48, 64)).astype(np.uint16)
            Image.fromarray(frame).save(path / "sequences" / name / f"{t}.png")
    (path / "labels.csv").write_text(HEADER + "\n".join(rows) + "\n")
    (path / "splits").mkdir()
    for split, names in {"train": train, "val": "", "test": test, "new": ""}.items():
        (path / "splits" / f"{split}.txt").write_text(names)
    return path


def config_of(folder: Path):
    config = tiny_config()
    config.data.folder = str(folder)
    return config


def problems_of(config, workdir, capsys):
    """The problems that the command prints, the count that it returns, and all of its output."""
    count = check.run(config, Paths(workdir))
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if line.startswith("problem: ")]
    return [line.removeprefix("problem: ") for line in lines], count, printed


def test_a_valid_folder_has_no_problems_and_is_summarised(tmp_path, capsys):
    folder = write_folder(tmp_path / "data")
    problems, count, printed = problems_of(config_of(folder), tmp_path / "run", capsys)
    assert not problems and count == 0
    cells = [line.split() for line in printed.splitlines()]
    train = next(line for line in cells if line[:1] == ["train"])
    assert train[1:6] == ["1", "6", "64x48", "16", "11"]  # 1099 needs 11 of 16 bits
    sigma, level, *labels = train[6:]
    assert 20 < float(sigma) < 45 and 1040 < float(level) < 1060  # uniform noise over 100 levels
    assert labels == ["2", "0", "2"]
    test = next(line for line in cells if line[:1] == ["test"])
    assert test[-3:] == ["0", "1", "1"]
    assert not (tmp_path / "run" / "config.json").exists()  # no run is started


def test_every_problem_is_listed_with_file_and_line(tmp_path, capsys):
    rows = [*ROWS, "one,1,64.0,30.5,3,3,target", "one,2,20.5,thirty,3,3,target", "one,3,1",
            "one,7,20.5,30.5,3,3,target", ROWS[0]]  # fmt: skip
    folder = write_folder(tmp_path / "data", rows, train="one\nthree\n", test="two\none\n")
    damaged = folder / "sequences" / "two" / "4.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    problems, count, printed = problems_of(config_of(folder), tmp_path / "run", capsys)
    expected = [
        f"{folder}/labels.csv line 5: x must lie in 0 <= x < 64; found 64.0.",
        f"{folder}/labels.csv line 6: y must be a finite number; found 'thirty'.",
        f"{folder}/labels.csv line 7: a row must have 7 fields as the header has; found 3 fields.",
        f"{folder}/labels.csv line 8: frame must lie in 0 <= frame < 6; found 7.",
        f"{folder}/labels.csv line 9: a label must not occur twice with the same",
        f"{damaged}: the file must be readable; found ",
        f"{folder}/splits/train.txt line 1: one must be in one split, once; found it in {folder}",
        f"{folder}/splits/train.txt line 2: a split must name sequences at sequences/*; found 'thr",
        "splits: train must contain a sequence; found none in ",
    ]
    assert count == len(problems) == len(expected), printed
    for text, problem in zip(expected, problems, strict=True):
        assert problem.startswith(text)
    assert "9 problems" in printed


def test_problems_of_sequences_are_listed(tmp_path, capsys):
    folder = write_folder(tmp_path / "data")
    (folder / "sequences" / "notes.txt").write_text("no sequence")
    (folder / "sequences" / "two" / "3.png").unlink()
    config = config_of(folder)
    config.data.stride = 2
    config.chips.chip_px = 56
    problems, *_ = problems_of(config, tmp_path / "run", capsys)
    assert [problem.split(";")[0].partition(" of type")[0] for problem in problems] == [
        f"{folder}/sequences/notes.txt: sequences/* must match folders or files",
        f"{folder}/sequences/two: frames must be numbered without a gap, 3 follows 2",
        f"sequence one ({folder}/sequences/one): clips of stride 2 need 9 frames or more",
        "sequence one: a chip of chips.chip_px=56 must fit into the frame",
    ]  # and none of the labels of the sequence that could not be opened


def test_sequences_shorter_than_the_evidence_window_are_listed(tmp_path, capsys):
    folder = write_folder(tmp_path / "data")
    config = config_of(folder)
    config.evidence.frames = 7
    assert not problems_of(config, tmp_path / "run", capsys)[0]  # the network does not use it
    config.model.input = "single+evidence"
    problems, *_ = problems_of(config, tmp_path / "run", capsys)
    rule = "evidence of 7 frames, stride 1, needs 7 frames or more; found 6. Give a longer"
    assert len(problems) == 2
    for name, problem in zip(("one", "two"), problems, strict=True):
        assert problem.startswith(f"sequence {name} ({folder}/sequences/{name}): {rule}")


def test_missing_files_are_listed(tmp_path, capsys):
    folder = write_folder(tmp_path / "data", train="", test="")
    (folder / "labels.csv").unlink()
    (folder / "splits" / "train.txt").unlink()
    problems, *_ = problems_of(config_of(folder), tmp_path / "run", capsys)
    starts = [
        f"{folder}/labels.csv: the file must exist",
        f"{folder}/splits/train.txt: the file must exist",
        "splits: train must contain a sequence",
    ]
    assert len(problems) == 3
    assert all(problem.startswith(s) for problem, s in zip(problems, starts, strict=True))
    assert not (tmp_path / "run" / "contact_sheet.png").exists()


@needs_root
def test_a_run_of_somebody_else_is_checked_without_a_contact_sheet(tmp_path):
    run = tmp_path / "run"
    write_config(config_of(write_folder(tmp_path / "data")), run)
    give_away(run)
    command = [*WITHOUT_RIGHTS, sys.executable, "main.py", "check", f"--workdir={run}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *_, note, count = done.stdout.splitlines()
    assert note == f"note: {run}/contact_sheet.png could not be written: Permission denied"
    assert count == "0 problems"


def test_the_contact_sheet_shows_each_label_in_its_colour(tmp_path, capsys):
    folder = write_folder(tmp_path / "data")
    *_, printed = problems_of(config_of(folder), tmp_path / "run", capsys)
    assert "3 labelled chips are shown in" in printed
    sheet = np.asarray(Image.open(tmp_path / "run" / "contact_sheet.png"))
    assert sheet.shape == (8 + 160 + 8 + 40, 8 * 168 + 8, 3)
    colour = {name: ImageColor.getrgb(value) for name, value in pictures.COLOURS.items()}
    for k, category in enumerate(("interference", "target", "target")):
        chip = sheet[8:168, 8 + 168 * k : 168 + 168 * k]
        assert (chip == colour[category]).all(axis=-1).any(), k
    # Label (20.5, 10.5) of 5x3 px in a window of 40 px at (0, 0), enlarged by 4.
    rows, columns = np.nonzero((sheet[8:168, 8:168] == colour["interference"]).all(axis=-1))
    assert (columns.min(), columns.max()) == (4 * 18 - 3, 4 * 23 + 2)
    assert (rows.min(), rows.max()) == (4 * 9 - 3, 4 * 12 + 2)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="a data folder must exist; found no folder"):
        check.run(config_of(tmp_path / "nowhere"), Paths(tmp_path))


def test_the_exit_code_is_1_if_there_are_problems(tmp_path):
    commands = []
    for code, rows in enumerate((ROWS, [*ROWS, "one,9,1,1,3,3,target"])):
        folder = write_folder(tmp_path / str(code), rows)
        command = [sys.executable, ROOT / "main.py", "check", f"--config={ROOT}/configs/default.py",
                   f"--config.data.folder={folder}", "--config.chips.chip_px=32",
                   f"--workdir={tmp_path}/run{code}"]  # fmt: skip
        commands.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    for code, process in enumerate(commands):
        printed, _ = process.communicate()
        assert process.returncode == code
        assert ("labels.csv line 5" in printed) == (code == 1)


def line_of(error):
    """The line that an error names."""
    return int(str(error).split(":")[0].rpartition(" line ")[2])


def test_rows_keep_their_lines_when_others_are_left_out(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text(HEADER + "\n".join(["one,0.5,1,1,3,3,target", *ROWS, "one,1,2", ROWS[1]]))
    errors = []
    table = read_table(file, on_error=errors.append)
    assert table.index.tolist() == [3, 4, 5, 7] and table.index.name == "line"
    assert table.frame.dtype == np.int64 and table.x.tolist() == [20.5, 40.5, 20.5, 40.5]
    assert [line_of(error) for error in errors] == [6, 2]
    shapes = {"one": (6, 48, 64), "two": (2, 48, 64)}
    errors.clear()
    assert check_labels(table, shapes, "labels.csv", errors.append).index.tolist() == [3, 4]
    assert [line_of(error) for error in errors] == [5, 7]


def test_by_default_the_first_error_is_raised():
    error = InputError("file line 3", "x must be above 0", -1, "Correct it.")
    with pytest.raises(InputError, match="file line 3: x must be above 0; found -1. Correct it."):
        raise_error(error)
    table = pd.DataFrame(columns=["sequence", "frame", "x", "y", "category"])
    assert check_labels(table, {}, "labels.csv").empty


def write_arrays(path, frames, rows):
    """A folder with one .npy stack per sequence; all are trained on."""
    (path / "sequences").mkdir(parents=True)
    for name, array in frames.items():
        np.save(path / "sequences" / f"{name}.npy", array)
    (path / "labels.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return path


def noisy(count=12, seed=0):
    rng = np.random.default_rng(seed)
    return (1000 + rng.normal(0, 10, (count, 48, 64))).round().astype(np.uint16)


def test_ignored_parts_of_sequences_are_named_with_numbers(tmp_path, capsys):
    bars, shutter = np.pad(noisy(), [(0, 0), (12, 12), (0, 0)]), noisy()
    shutter[5] = 0
    frames = {"bars": bars, "shutter": shutter, "twice": np.repeat(noisy(), 2, axis=0),
              "wide": noisy() // 16 * 257, "dark": noisy().clip(1003)}  # fmt: skip
    rows = [f"{name},0,20,20,3,3,target" for name in frames]
    folder = write_arrays(tmp_path / "data", frames, rows)
    problems, count, printed = problems_of(config_of(folder), tmp_path / "run", capsys)
    assert not problems and count == 0
    notes = [line for line in printed.splitlines() if line.startswith("note: sequence ")]
    assert [note.removeprefix("note: sequence ") for note in notes] == [
        "bars: 33 % of the pixels never change and are left out of level and noise",
        "dark: 63 % of the pixels have the lowest or highest level, as if clipped: noise is lost "
        "there and measured too small",
        "shutter: 1 of 12 frames are flat, 5; clips skip them",
        "twice: 12 of 24 frames repeat the one before, 1, 3, 5, 7 and 8 more; clips skip them",
        "wide: grey levels come in steps of 257",
    ]


def test_a_notable_motion_of_the_camera_is_named_once(tmp_path, capsys):
    clouds = 2000 * ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(80, 110)), 1.5)
    pan = np.array([clouds[t : t + 48, 3 * t : 3 * t + 64] for t in range(12)])  # (3, 1) px a frame
    frames = {name: (noisy() + pan + 1000).astype(np.uint16) for name in ("a", "b")}
    frames["still"] = noisy()
    config = config_of(write_arrays(tmp_path / "data", frames, ["a,0,20,20,3,3,target"]))
    *_, printed = problems_of(config, tmp_path / "run", capsys)
    (note,) = (line for line in printed.splitlines() if "moves" in line)
    expected = r"note: in 2 of 3 sequences the scene moves by (\S+) px a frame; data.align=True .*"
    assert float(re.fullmatch(expected, note)[1]) == pytest.approx(np.hypot(3, 1), abs=0.2)
    for align, mode in ((True, "difference"), (False, "single")):  # which compares no frames
        config.data.align, config.model.input = align, mode
        assert "moves" not in problems_of(config, tmp_path / "run", capsys)[2]


def test_sequences_without_information_are_problems(tmp_path, capsys):
    frames = {"black": np.zeros((12, 48, 64), np.uint16), "depth": noisy(), "frozen": noisy()}
    frames["frozen"][:] = frames["frozen"][0]
    frames["depth"][6:] >>= 4
    folder = write_arrays(tmp_path / "data", frames, [])
    problems, *_ = problems_of(config_of(folder), tmp_path / "run", capsys)
    rule = "its frames must differ; found 12 equal ones"
    assert [problem.split(". ")[0] for problem in problems] == [
        f"{folder}/labels.csv: there must be labels; found none",
        f"sequence black: {rule} of grey level 0",
        "sequence depth: its grey levels must be on one scale; found others from frame 6 on",
        f"sequence frozen: {rule}",
    ]


@pytest.mark.parametrize("size", ["1.7e308", "1e39", "3000", "1e-46"])
def test_boxes_of_absurd_size_are_problems(tmp_path, capsys, size):
    folder = write_folder(tmp_path / "data", [f"one,0,20.5,30.5,{size},3,target", *ROWS[1:]])
    problems, *_ = problems_of(config_of(folder), tmp_path / "run", capsys)
    (problem,) = problems
    assert "labels.csv line 2: w must lie in 0.1 <= w <= 64; found " in problem


def test_labels_beside_their_objects_are_a_problem(tmp_path, capsys):
    frames, rows = noisy(16), []
    for t in range(16):
        frames[t, 10 + t, 12 + 2 * t] += 150
        rows.append(f"one,{t},{12.5 + 2 * t},{10.5 + t},3,3,target")
    folder = write_arrays(tmp_path / "right", {"one": frames}, rows)
    problems, _, printed = problems_of(config_of(folder), tmp_path / "run", capsys)
    assert not problems and "offset of objects" in printed
    rows = [f"one,{t},{10.5 + t},{12.5 + 2 * t},3,3,target" for t in range(16)]
    folder = write_arrays(tmp_path / "wrong", {"one": frames}, rows)
    (problem,), *_ = problems_of(config_of(folder), tmp_path / "run", capsys)
    assert "as if x and y were exchanged (spots of 8.0 sigmas there, of 1.7 at" in problem


def test_a_training_split_without_labels_is_a_problem(tmp_path, capsys):
    folder = write_folder(tmp_path / "data", [row for row in ROWS if row.startswith("two")])
    problems, *_ = problems_of(config_of(folder), tmp_path / "run", capsys)
    rule = "the sequences of the split train must have labels; found none. Add some or"
    assert [problem.startswith(f"{folder}: {rule}") for problem in problems] == [True]


def test_the_files_of_a_run_are_checked(tiny_run, tmp_path, capsys):
    """Those of each stage, and the ledger."""
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths, config = Paths(workdir), read_config(workdir)
    (workdir / "rounds" / "notes").mkdir()
    assert problems_of(config, workdir, capsys)[1] == 0
    content = bytearray(paths.detections.read_bytes())
    content[len(content) // 2] ^= 4
    paths.detections.write_bytes(content)
    (paths.training_log.losses / "0001.parquet").unlink()
    paths.ledger.unlink()
    (workdir / "rounds" / "2").mkdir()
    problems, count, _ = problems_of(config, workdir, capsys)
    assert count == 4 and [problem.split("; found")[0] for problem in problems] == [
        f"{paths.ledger}: a run that has begun has a ledger, with its labels and decisions",
        f"{paths.detections}: it must be as `evaluate` wrote it",
        f"{paths.training_log.losses}/0001.parquet: it must be as `train` wrote it",
        f"{workdir}/rounds/1: a run with a round 2 has all rounds before it",
    ]


def test_a_ledger_of_another_run_is_a_problem_and_refused(tiny_run, tmp_path, capsys):
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths, config = Paths(workdir), read_config(workdir)
    labels = read_table(paths.labels)
    labels.loc[0, "x"] += 0.25
    paths.ledger.unlink()
    shapes = {name: (8, 64, 96) for name in labels.sequence}
    ledger.create_or_open(paths.ledger, labels, shapes, 3.0).close()
    rule = f"{paths.ledger}: it must have the {len(labels)} labels that round 0 was built with"
    problems, *_ = problems_of(config, workdir, capsys)
    assert [problem.split("; found")[0] for problem in problems] == [rule]
    with pytest.raises(InputError, match=f"{rule}; found {len(labels)} others"):
        rounds.run(config, str(workdir), make_builder)


@pytest.mark.parametrize("count", [4, 5])
def test_a_rule_that_many_lines_break_is_counted(count):
    numbers = [2, 3, 5, 8, 13][:count]
    texts = [f"labels.csv line {n}: x must be 1; found {n}. Correct it." for n in numbers]
    problems = [
        InputError(f"labels.csv line {n}", "x must be 1", n, "Correct it.") for n in numbers
    ]
    others = [
        InputError("labels.csv line 4", "y must be 1", 2, "No."),
        InputError("a", "b", 1, "c"),
    ]
    lines = problem_lines([*problems[::-1], *others])
    shown = texts if count == 4 else texts[:3]
    assert set(shown) < set(lines) and len(lines) == count + 2 - (count == 5)
    more = "labels.csv: 2 more, from line 8 to line 13: x must be 1"
    assert (more in lines) == (count == 5)


def test_problems_that_differ_in_their_line_alone_are_one():
    problems = [InputError(f"a.csv line {n}", "x must be 1", "''", "No.") for n in (2, 30, 4)]
    problems += [InputError(f"a.csv line {n}", "x must be 1", "7", "No.") for n in (3, 5)]
    assert problem_lines(problems) == [
        "a.csv line 2: x must be 1; found ''. No. The same 2 times more, up to line 30.",
        "a.csv line 3: x must be 1; found 7. No. The same once more, up to line 5.",
    ]
    problems = [InputError(f"a.json annotations[{n}]", "x must be 1", 7, "No.") for n in (9, 10)]
    (line,) = problem_lines(problems)
    assert line.startswith("a.json annotations[9]: x must be 1; found 7.")
    assert line.endswith(" No. The same once more, up to annotations[10].")


@pytest.mark.parametrize(
    ("places", "more"),
    [
        (
            [f"a.json annotations[{n}]" for n in range(2, 9)],
            "a.json: 4 more, from annotations[5] to annotations[8]",
        ),
        ([f"a.json [{n}]" for n in range(9)], "a.json: 6 more, from [3] to [8]"),
        (
            [f"data anno/s{n // 4}/00{n}.xml object 1" for n in range(8)],
            "5 more files, from data anno/s0/003.xml to data anno/s1/007.xml",
        ),
        (
            [f"masks/s{n}/0.png" for n in range(5, 11)],
            "3 more files, from masks/s8/0.png to masks/s10/0.png",
        ),
    ],
)
def test_many_problems_of_one_rule_are_the_first_and_a_count(places, more):
    problems = [InputError(place, "x must be 1", n, "No.") for n, place in enumerate(places)]
    lines = problem_lines(problems)
    assert lines == [*map(str, problems[:3]), f"{more}: x must be 1"]
    assert problem_lines(problems[:4]) == [*map(str, problems[:4])]
    folders = [InputError(f"sequences/s{n}", "x must be 1", 2, "No.") for n in range(6)]
    assert problem_lines(folders) == [*map(str, folders)]  # each sequence is named
