import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dimjax.data.labels import (
    CATEGORIES,
    COLUMNS,
    TRUTH_COLUMNS,
    check_labels,
    read_table,
    write_table,
)
from dimjax.errors import InputError

SHAPES = {"flight3": (100, 512, 640)}
HEADER = "sequence,frame,x,y,w,h,category\n"


def written(tmp_path, text):
    file = tmp_path / "labels.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def one_row(**changes):
    row = {"sequence": "flight3", "frame": 7, "x": 10.5, "y": 20.5, "w": 3.0, "h": 3.0}
    row |= {"category": "target", "track": "", "source": "person"}
    return pd.DataFrame([row | changes], columns=COLUMNS)


def test_table_by_hand(tmp_path):
    text = "frame,sequence,x,y,w,h,category\n7,flight3,10.5,20.25,3,4,target\n"
    table = read_table(written(tmp_path, "\ufeff" + text.replace("\n", "\r\n") + "\r\n"))
    assert tuple(table.columns) == COLUMNS
    row = ["flight3", 7, 10.5, 20.25, 3.0, 4.0, "target", "", "annotator"]
    assert table.iloc[0].tolist() == row
    assert table.frame.dtype == np.int64 and table.x.dtype == np.float64
    assert table.index.tolist() == [0]


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8)
REALS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(
    st.tuples(
        NAMES,
        st.integers(0, 10**9 - 1),
        *[REALS] * 4,
        st.sampled_from(CATEGORIES),
        NAMES,
        NAMES,
        REALS,
        REALS,
    ),
    max_size=5,
)


@given(ROWS, st.sampled_from([COLUMNS, TRUTH_COLUMNS]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_written_table_is_read_back_unchanged(tmp_path, rows, columns):
    types = {column: "str" for column in ("sequence", "category", "track", "source")}
    types |= {"frame": "int64"} | {c: "float64" for c in columns if c not in {*types, "frame"}}
    table = pd.DataFrame([row[: len(columns)] for row in rows], columns=columns).astype(types)
    write_table(table, tmp_path / "labels.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "labels.csv", columns), table)
    assert [file.name for file in tmp_path.iterdir()] == ["labels.csv"]


def test_a_line_break_in_a_name_is_not_written(tmp_path):
    table = pd.concat([one_row(), one_row(track="a\nb")])
    with pytest.raises(
        InputError, match=r"line 3: track must not contain a line break; found 'a\\nb"
    ):
        write_table(table, tmp_path / "labels.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a table must have a header; found an empty file. Write the header sequence,frame,x"),
        ("sequence,frame\n", "line 1: there must be columns sequence, .*; found sequence, fr"),
        (HEADER.replace("\n", ",note\n"), "line 1: columns must be .*; found 'note'. Rename"),
        (HEADER.replace("\n", ",x\n"), "line 1: columns must be .*, each once; found 'x'."),
        (HEADER + "s,0,1,2,3,3,target\ns,0,1\n", "line 3: .* 7 fields .*; found 3 fields. Corr"),
        (HEADER + "\ns,0,1,2,3,3,target\n", "line 2: .*; found 0 fields"),
        (HEADER + "s,0,1,left,3,3,target\n", "line 2: y must be a finite number; found 'left'."),
        (HEADER + "s,0,nan,2,3,3,target\n", "line 2: x must be a finite number; found 'nan'."),
        (HEADER + "s,0,1_0,2,3,3,target\n", "line 2: x must be a finite number; found '1_0'."),
        (HEADER + "s,0.5,1,2,3,3,target\n", "line 2: frame must be a whole number of at most 9"),
        (HEADER + "s,1e99,1,2,3,3,target\n", "line 2: frame must be a whole number"),
        (HEADER + 's,0,1,2,3,3,"tar\nget"\n', "line 2: a field must not contain a line break"),
        (HEADER + 's,0,1,2,3,3,"tar"get\n', "line 2: a row must be CSV; found .*expected after"),
        (HEADER.encode() + b"\xff", "the file must exist and be UTF-8 text"),
        pytest.param(
            HEADER + "1," * 2**19 + "1\n",
            "line 2: a line must have at most 1,048,576 characters; found 1,048,577. Write a label",
            id="a long line",
        ),
    ],
)
def test_an_invalid_table_is_reported_with_file_and_line(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"labels\.csv:? {message}"):
        read_table(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"labels\.csv: the file must exist"):
        read_table(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": 640.0}, "x must lie in 0 <= x < 640; found 640.0. Correct the row or remove it."),
        ({"x": -0.1}, "x must lie in 0 <= x < 640; found -0.1."),
        ({"y": 512.0}, "y must lie in 0 <= y < 512; found 512.0."),
        ({"y": math.nan}, "y must lie in 0 <= y < 512; found nan."),
        ({"frame": 100}, "frame must lie in 0 <= frame < 100; found 100."),
        ({"frame": -1}, "frame must lie in 0 <= frame < 100; found -1."),
        ({"w": 0.0}, "w must lie in 0.1 <= w <= 640; found 0.0."),
        ({"w": 1e-46}, "w must lie in 0.1 <= w <= 640; found 1e-46."),
        ({"w": 641.0}, "w must lie in 0.1 <= w <= 640; found 641.0."),
        ({"h": math.inf}, "h must lie in 0.1 <= h <= 512; found inf."),
        ({"track": "a\x1b[31m"}, "track must be a line of printable text of at most 1000"),
        ({"source": "a" * 1001}, "source must be a line of printable text of at most 1000"),
        ({"category": "bird"}, "category must be target or interference; found 'bird'."),
        ({"sequence": "flight4"}, r"sequence must be a known one \(flight3\); found 'flight4'."),
        (
            {},
            "twice with the same sequence, frame, x, y, category; found flight3, 7, 10.5, 20.5, t",
        ),
    ],
)
def test_an_impossible_row_is_reported_with_its_line(changes, message):
    table = pd.concat([one_row(), one_row(x=11.5), one_row(**changes)], ignore_index=True)
    with pytest.raises(InputError, match=f"labels.csv line 4: .*{message}"):
        check_labels(table, SHAPES, "labels.csv")
    check_labels(table[:2], SHAPES, "labels.csv")


def test_a_truth_and_an_empty_table_are_checked():
    truth = one_row().assign(snr=math.nan, visible=1.0)
    with pytest.raises(InputError, match="line 2: snr must be a finite number; found nan"):
        check_labels(truth, SHAPES, "truth.csv")
    check_labels(truth[:0], SHAPES, "truth.csv")


def test_the_edges_of_the_frame_are_inside():
    check_labels(one_row(x=0.0, y=math.nextafter(512, 0), frame=99), SHAPES, "labels.csv")
