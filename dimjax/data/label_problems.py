"""Problems of a whole label table that break no rule of any single row.

for problem in find_problems(labels, "labels.csv"):
    print(problem)
"""

from collections.abc import Iterator

import pandas as pd

from dimjax.errors import InputError

_MIN_LABELS = 8  # fewer may lie anywhere
_NEAR_PX = 0.01


def find_problems(labels: pd.DataFrame, subject: object) -> Iterator[InputError]:
    """Yield a problem for each kind that a label table shows.

    These are: no label, coordinates from 0 to 1, one position for all labels, and a track with two
    labels in a frame.

    Args:
      labels: Label table, frame coordinates.
      subject: Its file or folder, for the errors.
    """
    if labels.empty:
        rule, remedy = "there must be labels", "Label some frames, or correct the path."
        yield InputError(subject, rule, "none", remedy)
        return
    if len(labels) >= _MIN_LABELS:
        yield from _of_positions(labels, subject)
    named = labels[labels.track != ""]
    twice = named[named.duplicated(["sequence", "frame", "track"])]
    if len(twice):
        row = twice.iloc[0]
        rule = "a track must have one label in a frame"
        value = f"{len(twice)} more, first of track {row.track} in {row.sequence} frame {row.frame}"
        yield InputError(subject, rule, value, "Give each object a track of its own.")


def _of_positions(labels: pd.DataFrame, subject: object) -> Iterator[InputError]:
    position = labels[["x", "y"]]
    if (position <= 1).all(axis=None):
        rule = "x and y must be pixels"
        value = f"{len(labels)} labels with both from 0 to 1"
        remedy = "Multiply them, and w and h, by the width and height of the frames."
        yield InputError(subject, rule, value, remedy)
    elif (position.max() - position.min() < _NEAR_PX).all() and labels.sequence.nunique() > 1:
        value = f"all {len(labels)} at {position.x.iloc[0]:g}, {position.y.iloc[0]:g}"
        rule, remedy = "labels must lie in different places", "Correct x and y."
        yield InputError(subject, rule, value, remedy)
