"""Frames that a label file does not mention, by hand and in a folder."""

import warnings

import numpy as np
import pandas as pd
import pytest

from dimjax.data.folders import open_folder
from dimjax.data.label_gaps import report_gaps
from dimjax.errors import Note

SHAPES = {name: (30, 64, 64) for name in ("s1", "s2", "s3")}


def labels_of(**frames) -> pd.DataFrame:
    rows = [(name, frame) for name, of_name in frames.items() for frame in of_name]
    return pd.DataFrame(rows, columns=["sequence", "frame"])


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ({"s1": range(30), "s2": range(30)}, "no label in 1 of 3 sequences, such as s3: taken for"),
        (
            {"s1": range(30), "s2": range(15), "s3": range(5, 30)},
            "8 frames on end or more of 1 of 3 sequences, such as s2 from frame 15 to 29",
        ),
        (
            {"s1": range(30), "s2": [*range(4), *range(12, 30)]},
            "s3, no label in 8 frames on end or more of 1 other, such as s2 from frame 4 to 11",
        ),
        ({"s1": range(0, 30, 5), "s2": range(2, 30, 5)}, "labels 5 frames apart, and none between"),
    ],
)  # fmt: skip
def test_gaps_by_hand(frames, text):
    with pytest.warns(Note, match=f"{text}.*frames without an object"):
        report_gaps(labels_of(**frames), SHAPES, SHAPES)


@pytest.mark.parametrize(
    "frames",
    [
        {},  # no label at all is a problem of its own
        {"s1": range(7, 30), "s2": range(23), "s3": [*range(10), *range(17, 30)]},
        {"s1": range(0, 30, 5), "s2": range(30), "s3": range(30)},  # few, not in all
    ],
)
def test_short_gaps_are_not_worth_a_note(frames):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report_gaps(labels_of(**frames), SHAPES, SHAPES)


def test_a_table_that_tells_empty_frames_has_no_gaps():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report_gaps(
            labels_of(s1=range(9)), SHAPES, SHAPES, {"without a box: frames without an object": 3}
        )


def test_a_table_that_ends_early_is_noted_when_it_is_read(tmp_path):
    for name in ("s1", "s2"):
        (tmp_path / "sequences" / name).mkdir(parents=True)
        frames = np.random.default_rng(0).normal(100, 3, (20, 32, 32)).astype(np.uint16)
        np.save(tmp_path / "sequences" / name / "frames.npy", frames)
    rows = [
        f"{name},{t},9,9,3,3,target" for name, end in (("s1", 20), ("s2", 6)) for t in range(end)
    ]
    text = "\n".join(["sequence,frame,x,y,w,h,category", *rows])
    (tmp_path / "labels.csv").write_text(text)
    folder = open_folder(tmp_path)
    shapes = {name: folder.sequence(name).shape for name in folder.names}
    with pytest.warns(Note, match="of 1 of 2 sequences, such as s2 from frame 6 to 19"):
        assert len(folder.read_labels(shapes)) == 26
