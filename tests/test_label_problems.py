import pandas as pd
import pytest

from dimjax.data.label_problems import find_problems
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
        (LABELS.assign(frame=4, track="7"), "found 8 more, first of track 7 in s0 frame 4."),
    ],
)
def test_problems_of_the_whole_table(labels, text):
    (problem,) = problems_of(labels)
    assert text in problem


def test_an_ordinary_table_has_none():
    assert not problems_of(LABELS) and not problems_of(LABELS.assign(track="a"))
    assert not problems_of(LABELS[:3].assign(x=0.5, y=0.5))  # three labels may lie anywhere
