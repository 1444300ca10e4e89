import pandas as pd
import pytest

from dimjax.data.label_problems import find_problems, large_boxes
from dimjax.data.labels import COLUMNS

ROWS = [(f"s{k % 2}", k, 10.0 + 3 * k, 20.0 + k, 3.0, 3.0, "target", "", "p") for k in range(10)]
LABELS = pd.DataFrame(ROWS, columns=list(COLUMNS))


def problems_of(labels):
    return [str(problem) for problem in find_problems(labels, "labels.csv")]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (LABELS[:0], "labels.csv: there must be labels; found none."),
        (
            LABELS.assign(x=LABELS.x / 100, y=LABELS.y / 100),
            "found 10 labels with both from 0 to 1",
        ),
        (LABELS.assign(x=10.0, y=20.0), "in different places; found all 10 at 10, 20."),
        (
            pd.concat([LABELS, LABELS.assign(x=LABELS.x + 0.6)], ignore_index=True),
            "found 10 pairs of labels less than 1 px apart, first in s0 frame 0 at 10, 20.",
        ),
        (LABELS.assign(frame=4, track="7"), "found 8 more, first of track 7 in s0 frame 4."),
    ],
)
def test_problems_of_the_whole_table(labels, text):
    (problem,) = problems_of(labels)
    assert text in problem


def test_an_ordinary_table_has_none():
    assert not problems_of(LABELS) and not problems_of(LABELS.assign(track="a"))
    assert not problems_of(LABELS[:3].assign(x=0.5, y=0.5))  # three labels may lie anywhere


def test_boxes_of_more_than_a_third_of_the_frame_are_a_problem():
    """Frames of 90x60 pixels: a third of the root of their area are 24.5 pixels."""
    shapes = {"s0": (10, 60, 90), "s1": (10, 60, 90)}
    corners = LABELS.assign(w=30.0, h=21.0)  # as if x2, y2 were the size
    (problem,) = large_boxes(corners, shapes, "labels")
    assert "third of the frame; found larger ones in 10 of 10 labels, such as 30x21 px" in str(
        problem
    )
    assert not list(large_boxes(LABELS.assign(w=30.0, h=19.0), shapes, "labels"))
    assert not list(large_boxes(corners.assign(w=[30.0] * 5 + [3.0] * 5), shapes, "labels"))
    assert not list(large_boxes(corners[:7], shapes, "labels"))
    assert not list(large_boxes(corners, {}, "labels"))


def test_boxes_of_the_whole_frame_are_a_problem():
    """Frames of 90x60 pixels, of which eight boxes have 81x54 pixels or more."""
    shapes = {"s0": (10, 60, 90), "s1": (10, 60, 90)}
    borders = LABELS.assign(w=81.0, h=54.0)
    several = pd.concat([borders[:8], LABELS, LABELS])
    (problem,) = large_boxes(several, shapes, "masks")
    found = f"found 8 of {len(several)} labels that are as large, first in s0 frame 0, as of a"
    assert f"boxes must be smaller than the frame; {found}" in str(problem)
    assert not list(large_boxes(several[1:], shapes, "masks"))
    assert not list(large_boxes(several.assign(h=several.h.clip(upper=53)), shapes, "masks"))
